"""What `smolc lint --format ...` writes for other programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from linting import BY_EXAMPLES, PACKED, lint, project

from smolc.compiler.cli.lint import FORMATS
from smolc.compiler.diagnostics import Diagnostic, Edit, Label, Severity, Source, Span
from smolc.compiler.lint.output import github, gitlab, junit, sarif

SCHEMA = Path(__file__).parent / "schema/sarif-2.1.0-rtm.5.json"
BROKEN = "smolc 1\nrecipe x {\n  about = 'no'\n}\nstage s { init = nobody; method = sft; data = nothing }\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, packed=PACKED, examples=BY_EXAMPLES, broken=BROKEN)
    return tmp_path


def found(
    severity: Severity = Severity.ERROR, text: str = "stage sft {}\n", name: str = "a b.recipe"
) -> Diagnostic:
    source = Source(name, text)
    span = Span(source, 6, 9)
    return Diagnostic(
        "T999",
        "some-rule",
        severity,
        "50% of\nit, really: \x1b[31mred",
        span,
        help="write: a,b",
        edits=(Edit(span, "x"),),
    )


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("recipe", ["packed", "examples", "broken", "sft"])
def test_every_format_says_the_same_with_its_exit_code(here: Path, form: str, recipe: str) -> None:
    usual = lint(f"{recipe}.recipe")
    result = lint(f"{recipe}.recipe", "--format", form)
    assert result.exit_code == usual.exit_code == (0 if recipe == "sft" else 1)
    named = {"packed": "B301", "examples": "D201", "broken": "S012", "sft": "F010"}[recipe]
    name = {
        "packed": "packing-without-token-batch",
        "examples": "mixture-balanced-by-examples",
        "broken": "wrong-quotes",
        "sft": "missing-file",
    }[recipe]
    assert named in result.stdout or name in result.stdout


@pytest.mark.parametrize("recipes", [["packed"], ["examples", "broken"], ["sft"], ["broken", "missing"]])
def test_sarif_is_valid(here: Path, recipes: list[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    result = lint(*(f"{name}.recipe" for name in recipes), "--format", "sarif")
    log = json.loads(result.stdout)
    validator = jsonschema.Draft4Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(log)] == []
    run = log["runs"][0]
    for one in run["results"]:
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
        for place in one.get("locations", []):
            assert place["physicalLocation"]["region"]["startLine"] >= 1


def test_sarif_of_odd_texts_is_valid() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    source = Source("ä%20 b.recipe", "zwei\nZeilen")
    whole = Span(source, 0, len(source.text))
    odd = Diagnostic(
        "T999", "x-y", Severity.INFO, "", whole, (Label(whole, ""),), edits=(Edit(Span(source, 0, 0), ""),)
    )
    log = json.loads(sarif.render([odd, Diagnostic("F001", "n", Severity.ERROR, "m")], [], False))
    validator = jsonschema.Draft4Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(log)] == []
    region = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["endLine"], region["endColumn"]) == (2, 7)


def test_github_escapes_what_would_end_a_command() -> None:
    line = github.render([found()], [], False)
    assert line == (
        "::error title=T999 some-rule,file=a b.recipe,line=1,endLine=1,col=7,endColumn=10"
        "::50%25 of%0Ait, really: \\x1b[31mred%0Awrite: a,b\n"
    )
    assert "file=a%2C%3Ab" in github.render([found(name="a,:b")], [], False)
    assert github.render([found(Severity.INFO)], [], False).startswith("::notice ")


def test_gitlab_fingerprints_stay_when_lines_move_and_differ_in_one_report() -> None:
    moved = found(text="stage sft {}\n")
    down = Diagnostic(
        "T999", "some-rule", Severity.ERROR, "m", Span(Source("a b.recipe", "\n\nstage sft {}\n"), 8, 11)
    )
    first, second = (json.loads(gitlab.render([d, d], [], False)) for d in (moved, down))
    assert [one["fingerprint"] for one in first] == [one["fingerprint"] for one in second]
    assert first[0]["fingerprint"] != first[1]["fingerprint"]
    assert second[0]["location"] == {"path": "a b.recipe", "lines": {"begin": 3}}
    assert all(re.fullmatch("[0-9a-f]{64}", one["fingerprint"]) for one in first)


def test_junit_counts_failures_and_passes(here: Path) -> None:
    result = lint("packed.recipe", "sft.recipe", "--format", "junit")
    suites = {s.get("name"): s for s in ElementTree.fromstring(result.stdout)}
    assert suites["packed.recipe"].get("failures") == "1"
    assert len(suites["packed.recipe"].findall("testcase/failure")) == 1
    assert suites["sft.recipe"].get("failures") == "0"
    clean = ElementTree.fromstring(junit.render([], ["a.recipe"], False))
    assert len(clean.findall("testsuite/testcase")) == 1 and not clean.findall(".//failure")


def test_junit_of_characters_that_xml_has_not() -> None:
    ElementTree.fromstring(junit.render([found(text="stage \x00\x0b {}\n")], [], False))


def test_output_file_is_written_whole(here: Path) -> None:
    result = lint("packed.recipe", "--format", "json", "-o", "found.json")
    assert [one["code"] for one in json.loads((here / "found.json").read_text())].count("B301") == 1
    assert "1 warning" in result.output and '"code"' not in result.output
    assert [p.name for p in here.iterdir() if p.name.startswith(".")] == []


def test_output_file_that_cannot_be_written(here: Path) -> None:
    done = lint_process(here, "packed.recipe", "-o", "no/such/folder.json")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write no/such/folder.json: ")


def lint_process(folder: Path, *arguments: str):
    import subprocess
    import sys

    code = "from smolc.compiler.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "lint", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
