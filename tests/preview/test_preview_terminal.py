"""Rows in a terminal, with and without colours."""

from __future__ import annotations

import io
from pathlib import Path

from previewed import PAIRS, chat, compiled, rows, source, taken
from rich.console import Console

from smolc.runtime.preview.rows import Piece, Turn
from smolc.runtime.preview.sample import StageSample
from smolc.runtime.preview.terminal import Terminal, shortened

HOSTILE = "\x1b[31mred\x07 \u202egnp.exe \x9b1m [bold]x[/bold] ⟧ \r\x7f"


def shown(stage: StageSample, colour: bool = False, width: int = 200) -> str:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=colour, color_system="standard" if colour else None, width=width,
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    Terminal(console).stages([stage])
    return file.getvalue()


def test_a_conversation_that_is_cut(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat("hi", "ho"), chat("one\ntwo", "1\n2", "more", "long" * 100)])
    job = {"overlong": "truncate", "length": 80, "packing": "best_fit"}
    stage = taken(compiled(tmp_path, [source("chats")], **job))
    long = {
        "LONG": "long" * 37 + "l",
        "TAIL": "ng" + "long" * 19,
        "LOST": "401 of 405 trained tokens are lost",
    }
    expected = """\
⟦trained⟧  not trained  ~ cut off  ↵ a line break

sft
  method sft · loss on assistant · templates/chat.jinja · at most 80 tokens in a row · packing best_fit · overlong = truncate

[1] chats · chats.jsonl:1 · 25 tokens, 3 trained (12%) · fits into 80
  user · 10 tokens
      <|im_start|>user↵
      hi<|im_end|>↵
  assistant · 15 tokens, 3 trained (20%)
      <|im_start|>assistant↵
      ⟦ho<|im_end|>⟧↵

[2] chats · chats.jsonl:2 · 456 tokens, 4 trained (1%) · 376 tokens too long for 80: cut at 30, where a turn ends; LOST
  user · 15 tokens
      <|im_start|>user↵
      one↵
      two<|im_end|>↵
  assistant · 16 tokens, 4 trained (25%)
      <|im_start|>assistant↵
      ⟦1↵
      2<|im_end|>⟧
    ✂ cut off from here
    ~ ↵
  user · 12 tokens
    ~ <|im_start|>user↵
    ~ more<|im_end|>↵
  assistant · 413 tokens
    ~ <|im_start|>assistant↵
    ~ LONG
    ~ … 173 tokens …
    ~ TAIL<|im_end|>↵

sources
  chats  all of it · 2 rows shown · 481 tokens, 7 trained (1%)
packed as if these rows were all; ‖ neighbours do not see each other
  row 1: 2 documents, 55 of 80 tokens (69%)
    [2] 30 ‖ [1] 25 ‖ 25 empty
    …stant↵1↵2<|im_end|> ‖ <|im_start|>user↵hi<|im_end|>↵…
note: shares of the whole mixture are known when it is prepared
"""
    for word, meant in long.items():
        expected = expected.replace(word, meant)
    assert shown(stage) == expected


def test_pairs(tmp_path: Path) -> None:
    rows(tmp_path, "pairs", [{"prompt": "q", "chosen": "good", "rejected": "bad"}])
    job = {"method": "dpo", "loss_on": "completion"}
    assert """
[1] pairs · pairs.jsonl:1 · prompt of 20 tokens; the longest sequence has 25 tokens · fits into 4,096
  prompt · 20 tokens
    user · 9 tokens
        <|im_start|>user↵
        q<|im_end|>↵
    assistant begins · 11 tokens
        <|im_start|>assistant↵
  chosen · 5 tokens, 5 trained (100%)
      ⟦good<|im_end|>⟧
  rejected · 4 tokens, 4 trained (100%)
      ⟦bad<|im_end|>⟧
""" in shown(taken(compiled(tmp_path, [source("pairs", PAIRS)], **job)))


def test_what_rows_say_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat(HOSTILE, f"a{HOSTILE}z")])
    stage = taken(compiled(tmp_path, [source("chats")]))
    said = shown(stage)
    assert "⟦a␛[31mred␇ ⟨U+202E⟩gnp.exe ⟨U+009B⟩1m [bold]x[/bold] ⟨U+27E7⟩ ␍␡z<|im_end|>⟧↵" in said
    assert not set(said) & set("\x1b\x07\u202e\x9b\r\x7f")


def test_colours(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat(HOSTILE, "answer")])
    said = shown(taken(compiled(tmp_path, [source("chats")])), colour=True, width=60)
    assert "\x1b[1;32manswer\x1b[0m\x1b[2;32m<|im_end|>\x1b[0m" in said
    assert "⟦" not in said
    assert "\x1b[31mred" not in said


def test_long_conversations_keep_their_ends_and_where_they_are_cut() -> None:
    turns = [Turn(str(n), [Piece("x", 1, 0, False, 0 if n < 20 else None)]) for n in range(30)]
    roles = [turn.role for turn in shortened(turns, 10)]
    assert roles == ["0", "1", "2", "3", "4", "… 14 turns …", "19", "20", "… 9 turns …"]
    assert len(shortened(turns[:20], 20)) == 20
