"""Prompts and answers in a terminal; where there are no colours, chains of thought stand in brackets."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from smolc.runtime.inspect.answers import Answer, Group, Problem
from smolc.runtime.inspect.spans import Span, answer_spans, prompt_spans
from smolc.runtime.inspect.words import details, facts, heading, mark, name, shown_said, tally_said
from smolc.runtime.report.text import one_line, shorten

LOOKS = {"special": "cyan", "thought": "dim italic", "gap": "dim", "": ""}
OPEN, CLOSE = "⟦", "⟧"


class Terminal:
    """most: characters of a prompt or an answer that are shown."""

    def __init__(self, console: Console, most: int) -> None:
        self.console, self.most = console, most
        self.colour = console.is_terminal and not console.no_color and console.color_system is not None

    def groups(self, found: Sequence[Group]) -> None:
        for number, group in enumerate(found):
            if number:
                self._line()
            self._group(group)

    def say(self, words: str) -> None:
        self._line(words)

    def _group(self, group: Group) -> None:
        self._line(heading(group), "bold")
        wide = max((len(one_line(t.model)) for t in group.tallies), default=0)
        for tally in group.tallies:
            self._line(f"  {one_line(tally.model):<{wide}}  {tally_said(tally)}")
        self._line(f"  {shown_said(group)}", "dim")
        for number, problem in enumerate(group.problems, 1):
            self._line()
            self._problem(number, problem, group)

    def _problem(self, number: int, problem: Problem, group: Group) -> None:
        place = f" · {one_line(problem.place)}" if problem.place not in ("", problem.id) else ""
        self._line(Text.assemble((f"[{number}] ", "dim"), (one_line(problem.id), "bold"), place))
        prompts = list(dict.fromkeys(answer.turns[0].prompt for answer in problem.answers))
        if len(prompts) == 1:
            self._prompt(prompts[0], "prompt")
        if problem.gold:
            self._label("expected")
            self._block(prompt_spans(problem.gold, self.most))
        for answer in problem.answers:
            self._answer(answer, group, with_prompt=len(prompts) > 1)

    def _prompt(self, text: str, label: str) -> None:
        self._label(label)
        self._block(prompt_spans(text, self.most))

    def _answer(self, answer: Answer, group: Group, with_prompt: bool) -> None:
        style = "bold red" if answer.failed else "bold green" if answer.failed is False else "bold"
        said = " · ".join(facts(answer))
        self._line(
            Text.assemble(
                "  ", (f"{mark(answer)} {name(answer)}", style), (f"  {said}" if said else "", "dim")
            )
        )
        for number, turn in enumerate(answer.turns):
            if number or with_prompt:
                self._prompt(turn.prompt, "prompt" if number == 0 else f"turn {number + 1}")
                self._label("answer")
            spans = answer_spans(turn.answer, group.thinking, turn.prompt, self.most)
            self._block(spans or [Span("(said nothing)", "gap")])
        for key, value in details(answer, self.most):
            self._line(Text.assemble("    ", (f"{key}: ", "dim"), shorten(value, self.most)))

    def _label(self, words: str) -> None:
        self._line(f"  {words}", "dim")

    def _block(self, spans: Sequence[Span]) -> None:
        words = Text.assemble(*[(self._bracketed(s), LOOKS[s.looks] if self.colour else "") for s in spans])
        for line in words.split("\n", allow_blank=True):
            # What is one line in the text is told from what wraps by its indent.
            for part in self._wrapped(line):
                self._line(Text.assemble("    ", part))

    def _bracketed(self, span: Span) -> str:
        return f"{OPEN}{span.text}{CLOSE}" if span.looks == "thought" and not self.colour else span.text

    def _wrapped(self, line: Text) -> Sequence[Text]:
        if not self.console.is_terminal or not line.plain:
            return [line]
        return list(line.wrap(self.console, max(self.console.width - 4, 20)))

    def _line(self, line: Text | str = "", style: str = "") -> None:
        text = line if isinstance(line, Text) else Text(line, style)
        text.rstrip()
        self.console.print(text, soft_wrap=True)
