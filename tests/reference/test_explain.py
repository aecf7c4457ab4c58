"""`smolc explain`, as somebody would use it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from smolc.compiler.cli.main import command
from smolc.compiler.lint.discover import all_rules
from smolc.compiler.model.suite import SUITE
from smolc.compiler.reference.entries import all_codes


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["explain", *arguments])


@pytest.mark.parametrize("asked", ["S031", "s031", "ambiguous-scale", "Ambiguous-Scale"])
def test_a_code_of_the_compiler_in_any_case(asked: str) -> None:
    said = explain(asked)
    assert said.exit_code == 0
    assert said.stdout.startswith("# S031 ambiguous-scale: ")
    for part in ("## What it means", "## Why", "## Wrong", "length = 4K)", "## Right", "length = 4Ki)"):
        assert part in said.stdout


@pytest.mark.parametrize(
    "asked", ["D201", "d201", "mixture-balanced-by-examples", "MIXTURE-balanced-by-examples"]
)
def test_a_rule_in_any_case(asked: str) -> None:
    said = explain(asked)
    assert said.exit_code == 0
    assert said.stdout.startswith("# D201 mixture-balanced-by-examples: ")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("ambigous-scale", "ambiguous-scale"),
        ("unpinned-revison", "unpinned-revision"),
        ("unknown_key", "unknown-key"),
    ],
)
def test_did_you_mean(asked: str, meant: str) -> None:
    said = explain(asked)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == f"there is no rule and no code `{asked}`; did you mean `{meant}`?\n"


@pytest.mark.parametrize("name", SUITE)
def test_an_eval_that_has_a_name(name: str) -> None:
    said = explain(name)
    entry = SUITE[name]
    assert said.exit_code == 0
    assert said.stdout.startswith(f"# {name}: {entry.about}\n")
    for part in (
        entry.family,
        entry.licence,
        entry.task,
        entry.hub,
        entry.strata or "",
        entry.needs,
        "- Costs: ",
    ):
        assert part in said.stdout


def test_what_an_eval_costs() -> None:
    assert "- Costs: 541 problems x 4 samples x about 400 tokens = 866K tokens.\n" in explain("ifeval").stdout
    assert "no token generated" in explain("global_mmlu_fr").stdout
    assert "for each length and depth" in explain("needle").stdout


@pytest.mark.parametrize("asked", ["Z999", "zzzzzzzz", ""])
def test_nothing_like_it(asked: str) -> None:
    said = explain(asked)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == f"there is no rule and no code `{asked}`; `smolc explain --all` lists them\n"


def listed(output: str) -> list[str]:
    return [line.split()[0] for line in output.splitlines() if line[:1].isupper() and line[1:4].isdigit()]


def test_the_list_of_rules() -> None:
    said = explain()
    assert said.exit_code == 0
    assert listed(said.stdout) == [one.rule.code for one in all_rules()]


def test_the_list_of_everything() -> None:
    said = explain("--all")
    assert said.exit_code == 0
    assert listed(said.stdout) == [one.rule.code for one in all_rules()] + [one.code for one in all_codes()]


def test_all_takes_no_name() -> None:
    assert explain("--all", "S031").exit_code == 2
