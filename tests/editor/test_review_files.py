"""The examples for CI, the hooks for pre-commit and the page about them: their commands exist, with their options."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import smolc
from smolc.compiler.cli.main import COMMANDS
from smolc.compiler.cli.main import command as main

REPO = Path(__file__).parents[2]
PAGE = REPO / "docs" / "editors-and-review.md"
FILES = [
    REPO / "docs/ci/github-action.yml",
    REPO / "docs/ci/gitlab-ci.yml",
    REPO / ".pre-commit-hooks.yaml",
    PAGE,
]
FILES += [REPO / "editors/vscode/README.md"]
_CALL = re.compile(rf"\bsmolc ({'|'.join(COMMANDS)})\b([^|`\n]*)")


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def calls() -> Iterator[tuple[str, str, str]]:
    for path in FILES:
        for match in _CALL.finditer(path.read_text(encoding="utf-8")):
            for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", match[2]):
                yield path.name, match[1], option


@pytest.mark.parametrize(("file", "name", "option"), sorted(set(calls())))
def test_options_exist(file: str, name: str, option: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert option in {given for param in command.params for given in param.opts}


def test_formats_exist() -> None:
    formats = [f for path in FILES for f in re.findall(r"--format (\w+)", path.read_text(encoding="utf-8"))]
    lint = main.get_command(click.Context(main), "lint")
    assert lint is not None
    choices = next(p.type.choices for p in lint.params if "--format" in p.opts)  # type: ignore[attr-defined]
    assert set(formats) <= set(choices) and {"github", "gitlab", "sarif", "junit", "concise"} <= set(formats)


def test_hooks() -> None:
    hooks = {hook["id"]: hook for hook in loaded(REPO / ".pre-commit-hooks.yaml")}
    assert set(hooks) == {"smolc-fmt", "smolc-lint"}
    for hook in hooks.values():
        assert hook["language"] == "python"
        assert re.search(hook["files"], "a/b.recipe") and not re.search(hook["files"], "a/b.recipes")
    shown = PAGE.read_text(encoding="utf-8")
    config = yaml.safe_load(re.search(r"```yaml\n(.*?)```", shown, re.DOTALL)[1])  # type: ignore[index]
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == list(hooks)
    assert config["repos"][0]["rev"] == f"v{smolc.__version__}"


def scripts() -> Iterator[tuple[str, str]]:
    for job in loaded(REPO / "docs/ci/github-action.yml")["jobs"].values():
        for number, step in enumerate(job["steps"]):
            if "run" in step:
                yield f"github-{number}", step["run"]
    recipes = loaded(REPO / "docs/ci/gitlab-ci.yml")["recipes"]
    yield "gitlab", "\n".join([*recipes["before_script"], *recipes["script"]])


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("where", "script"), scripts(), ids=[where for where, _ in scripts()])
def test_scripts_are_bash(where: str, script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_that_others_write_lands_in_a_script() -> None:
    """`${{ }}` in a script is replaced before the shell reads it: a branch's name would be run."""
    assert [where for where, script in scripts() if "${{" in script] == []


def test_links_lead_somewhere() -> None:
    for page in (PAGE, REPO / "editors/vscode/README.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), link
