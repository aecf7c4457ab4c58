"""Rows in a terminal; where there are no colours, what is trained stands in brackets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console
from rich.text import Text

from smolc.runtime.preview.packed import Bin
from smolc.runtime.preview.rows import Piece, Sequence, Shown, Turn, elided
from smolc.runtime.preview.sample import StageSample
from smolc.runtime.preview.text import (
    gap_said,
    prepared_said,
    row_counted,
    sequence_counted,
    source_said,
    stage_facts,
    turn_counted,
)
from smolc.runtime.report.text import one_line, visible

MOST_TOKENS = 240  # of a turn
MOST_TURNS = 10
OPEN, CLOSE = "⟦", "⟧"
TRAINED, CUT, FAINT = "bold green", "red", "dim"


class Terminal:
    """colour: whether the console shows any."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.colour = console.is_terminal and not console.no_color and console.color_system is not None

    def stages(self, stages: list[StageSample]) -> None:
        self._line(self._legend())
        for stage in stages:
            self._stage(stage)

    def say(self, words: str) -> None:
        self._line(Text(words))

    def _legend(self) -> Text:
        if not self.colour:
            return Text(f"{OPEN}trained{CLOSE}  not trained  ~ cut off  ↵ a line break")
        return Text.assemble(
            ("trained", TRAINED),
            "  not trained  ",
            ("<special>", FAINT),
            "  ",
            ("cut off", CUT),
            "  ↵ a line break",
        )

    def _stage(self, stage: StageSample) -> None:
        self._line(Text())
        self._line(Text(one_line(stage.stage), "bold"))
        self._line(Text("  " + " · ".join(stage_facts(stage))))
        for row in stage.rows:
            self._row(row)
        self._line(Text())
        self._table("sources", [(one_line(s.name), source_said(s)) for s in stage.sources])
        self._table("as prepared", prepared_said(stage))
        if stage.bins:
            self._packed(stage)
        for note in stage.notes:
            self._line(Text(f"note: {note}", FAINT))

    def _row(self, row: Shown) -> None:
        self._line(Text())
        style = "" if row.fate == "fits" else CUT
        self._line(
            Text.assemble(
                (f"[{row.number}] ", FAINT),
                (f"{one_line(row.source)} · {one_line(row.place)}", "bold"),
                f" · {row_counted(row)} · ",
                (row.said, style),
            )
        )
        for sequence in row.sequences:
            self._sequence(sequence, row)

    def _sequence(self, sequence: Sequence, row: Shown) -> None:
        indent = 2
        if sequence.name:
            self._line(Text(f"  {sequence.name} · {sequence_counted(sequence)}", "bold"))
            indent = 4
        alone = len(sequence.turns) == 1
        before: int | None = 0 if row.parts else None
        for turn in shortened(sequence.turns):
            if not alone:
                self._line(Text(f"{' ' * indent}{_role(turn)}", "bold cyan"))
            if len(turn.pieces) == 1 and turn.pieces[0].gap:
                continue
            before = self._words(turn, indent + (0 if alone else 2), before)

    def _words(self, turn: Turn, indent: int, before: int | None) -> int | None:
        """before: which row of the data set the tokens before went to."""
        for part, run in groupby(elided(turn.pieces, MOST_TOKENS), lambda piece: piece.part):
            pieces = list(run)
            if part != before:
                self._line(Text(f"{' ' * indent}{_cut(part)}", CUT))
            before = part
            words = Text.assemble(*self._spans(pieces))
            gutter = "~ " if part is None and not self.colour else "  "
            for line in self._wrapped(words, indent + 2):
                self._line(Text.assemble(" " * indent, gutter, line))
        return before

    def _spans(self, pieces: list[Piece]) -> Iterator[tuple[str, str]]:
        used = pieces[0].part is not None
        for (trained, special, gap), run in groupby(pieces, lambda p: self._look(p, used)):
            held = list(run)
            if gap:
                for piece in held:
                    yield f"\n{gap_said(piece)}\n", FAINT
                continue
            text = visible("".join(piece.text for piece in held), "" if self.colour else OPEN + CLOSE)
            if not self.colour:
                yield (f"{OPEN}{text}{CLOSE}" if trained else text), ""
            elif not used:
                yield text, CUT
            else:
                style = [TRAINED] if trained else []
                yield (
                    text,
                    " ".join([*style, FAINT] if special else style).replace("bold green dim", "green dim"),
                )

    def _look(self, piece: Piece, used: bool) -> tuple[bool, bool, bool]:
        return bool(piece.trained) and used and not piece.gap, piece.special and self.colour, piece.gap

    def _wrapped(self, words: Text, indent: int) -> Iterable[Text]:
        lines = list(words.split("\n", allow_blank=True))
        while lines and not lines[-1].plain:
            lines.pop()
        if not self.console.is_terminal:
            return lines
        width = max(self.console.width - indent, 20)
        return [part for line in lines for part in (line.wrap(self.console, width) if line.plain else [line])]

    def _table(self, title: str, rows: list[tuple[str, str]]) -> None:
        if not rows:
            return
        self._line(Text(title, "bold"))
        wide = max(len(name) for name, _ in rows)
        for name, said in rows:
            self._line(Text(f"  {name:<{wide}}  {said}"))

    def _packed(self, stage: StageSample) -> None:
        self._line(
            Text.assemble(
                ("packed", "bold"), " as if these rows were all; ‖ neighbours do not see each other"
            )
        )
        for number, bin in enumerate(stage.bins, 1):
            documents = f"{len(bin.documents)} document{'' if len(bin.documents) == 1 else 's'}"
            full = f"{bin.tokens:,} of {bin.length:,} tokens ({bin.tokens / bin.length:.0%})"
            self._line(Text(f"  row {number}: {documents}, {full}"))
            self._line(Text("    " + _places(bin)))
            for one, other in zip(bin.documents, bin.documents[1:], strict=False):
                joint = one_line(one.tail), " ‖ ", one_line(other.head)
                self._line(Text.assemble("    …", joint[0], (joint[1], "bold yellow"), joint[2], "…"))

    def _line(self, line: Text) -> None:
        line.rstrip()
        self.console.print(line, soft_wrap=True)


def shortened(turns: list[Turn], most: int = MOST_TURNS) -> list[Turn]:
    """Without the middle of a long conversation, and without most of what is cut off; the turn in which it is cut and
    what stands beside that stays."""
    first, last = (most // 2, len(turns) - most // 2) if len(turns) > most else (len(turns), len(turns))
    parts = [{piece.part for piece in turn.pieces} for turn in turns]
    made: list[Turn] = []
    for hidden, run in groupby(range(len(turns)), lambda n: _hidden(n, parts, first, last)):
        held = [turns[n] for n in run]
        made += [_gap(held)] if hidden and len(held) > 1 else held
    return made


def _hidden(number: int, parts: list[set[int | None]], first: int, last: int) -> bool:
    around = parts[max(number - 1, 0) : number + 2]
    if any(near != parts[number] for near in around):
        return False
    cut_off = parts[number] == {None} and parts[0] != {None}
    return cut_off or first <= number < last


def _gap(turns: list[Turn]) -> Turn:
    tokens, trained = sum(t.tokens for t in turns), sum(t.trained for t in turns)
    part = turns[0].pieces[0].part if turns[0].pieces else None
    return Turn(f"… {len(turns)} turns …", [Piece("", tokens, trained, False, part, True)])


def _role(turn: Turn) -> str:
    return f"{one_line(turn.role)} · {turn_counted(turn)}"


def _cut(part: int | None) -> str:
    return "✂ cut off from here" if part is None else "✂ a new row begins here"


def _places(bin: Bin) -> str:
    parts = [f"[{d.number}] {d.tokens:,}" for d in bin.documents]
    if bin.tokens < bin.length:
        parts.append(f"{bin.length - bin.tokens:,} empty")
    return " ‖ ".join(parts)
