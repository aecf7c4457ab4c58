"""`smolc show` of merges, and with every default written out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from compiling import SMALL, planned

from smolc.compiler.cli.main import command

MERGED = (
    SMALL.replace("of = [base, sft, dpo]\n  task words { data = chats }", "of = soup; tasks = [ifeval]")
    + "merge soup { of = [sft, dpo] }\nmerge arc { of = [soup, sft]; method = slerp(at = 50%) }\n"
)


def shown(folder: Path, *arguments: str) -> str:
    (folder / "case.recipe").write_text(MERGED, encoding="utf-8")
    said = CliRunner().invoke(command, ["show", str(folder / "case.recipe"), *arguments])
    assert said.exit_code == 0, said.output
    return said.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["merge.soup"], "merge soup {\n  of = [sft, dpo]\n}\n"),
        (["merge.soup", "--defaults"],
         "merge soup {\n  of          = [sft, dpo]\n  method      = soup\n  checkpoints = none\n  like        = sft\n}\n"),
        (["arc.method.at"], "merge.arc.method.at = 50%\n"),
    ],
)  # fmt: skip
def test_what_is_shown(arguments: list[str], text: str, tmp_path: Path) -> None:
    assert shown(tmp_path, *arguments) == text


def test_with_defaults_it_is_the_same_plan(tmp_path: Path) -> None:
    text = shown(tmp_path, "--defaults")
    assert planned(tmp_path, text).hash == planned(tmp_path, MERGED).hash
