"""`smolc preview`, from a recipe on which nothing has run."""

from __future__ import annotations

from pathlib import Path

import pytest
from previewed import chat, rows

from smolc.compiler.cli.preview import command

RECIPE = """\
smolc 1

recipe trial {
  seed = 1
  on   = here
}

cluster here {
  processes = 1
}

model base {
  scratch   = llama(layers = 2, hidden = 64, heads = 4, intermediate = 128, context = 256)
  tokenizer = bytes
  dtype     = fp32
}

dataset chats {
  path = "chats.jsonl"
}

template chat {
  builtin = chatml
}

stage sft {
  init      = base
  method    = sft(loss_on = assistant)
  data      = chats
  template  = chat
  packing   = none(length = 256)
  batch     = 4seq
  length    = 1epoch
  optim     = adamw(lr = 1e-3)
  precision = fp32
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.recipe").write_text(RECIPE, encoding="utf-8")
    rows(tmp_path, "chats", [chat("hi", "ho"), chat("more", "words")])
    return tmp_path


def called(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        command.main(list(arguments), prog_name="preview")
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_shows_rows_and_leaves_nothing_behind(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        called("a.recipe", "sft", "--rows", "1", "--html", "page.html", "--set", "sft.packing.length=128")
        == 0
    )
    said = capfd.readouterr().out
    assert "⟦ho<|im_end|>⟧↵" in said
    assert "fits into 128" in said
    assert "words" not in said
    assert said.endswith("wrote page.html\n")
    assert sorted(path.name for path in project.iterdir()) == ["a.recipe", "chats.jsonl", "page.html"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("a.recipe", "dpo"), 2, "error: no stage 'dpo' that is trained on data; there are: sft\n"),
        (("a.recipe", "--source", "x"), 2, "error: no source 'x'; there are: chats\n"),
        (("a.recipe", "--set", "sft.packing.length=10"), 1, "help: raise the length"),
    ],
)
def test_what_is_wrong(
    project: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert called(*arguments) == code
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("none.recipe",), 2),
        (("a.recipe", "--set", "sft.nothing=1"), 2),
        (("a.recipe", "--html", "a.recipe"), 2),
        (("a.recipe", "--rows", "0"), 2),
        (("wrong.recipe",), 1),
    ],
)
def test_what_is_wrong_before_anything_is_read(project: Path, arguments: tuple[str, ...], code: int) -> None:
    (project / "wrong.recipe").write_text(
        RECIPE.replace("data      = chats", "data      = chat"), encoding="utf-8"
    )
    assert called(*arguments) == code
    assert (project / "a.recipe").read_text(encoding="utf-8") == RECIPE
