"""A chat template whose text stands in the recipe."""

from __future__ import annotations

from pathlib import Path

from compiling import SMALL, compiled, planned

JINJA = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}\n"


def test_text_is_what_a_file_would_be(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text(JINJA, encoding="utf-8")
    by_file = planned(tmp_path, SMALL.replace("builtin = chatml", 'file = "chat.jinja"'))
    text = JINJA.replace("\n", "\n  ")
    by_text = planned(tmp_path, SMALL.replace("builtin = chatml", f'text = """\n  {text}"""'))
    assert by_text.templates == {"templates/chat.jinja": JINJA}
    assert by_text == by_file


def test_empty_text_is_a_text(tmp_path: Path) -> None:
    made = planned(tmp_path, SMALL.replace("builtin = chatml", 'text = ""'))
    assert made.templates == {"templates/chat.jinja": ""}


def test_one_source(tmp_path: Path) -> None:
    text = SMALL.replace("builtin = chatml", 'builtin = chatml; text = "{{ messages }}"')
    found = compiled(tmp_path, text)[1]
    assert [(d.code, d.message) for d in found] == [("C002", "template `chat` has `text` and `builtin`")]
