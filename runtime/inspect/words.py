"""What is said beside prompts and answers, in the terminal and on the page."""

from __future__ import annotations

from smolc.runtime.inspect.answers import Answer, Group, Tally
from smolc.runtime.report.scored import interval
from smolc.runtime.report.text import count, label, one_line, shorten
from smolc.runtime.report.text import score as shown

MOST_KINDS = 8
NOT_OVER = "not over yet, or of an older recipe"


def heading(group: Group) -> str:
    said = f"{one_line(group.eval)} · {one_line(group.task)}"
    return (
        said if group.state == "done" else f"{said} ({NOT_OVER if group.state == 'not run' else group.state})"
    )


def tally_said(tally: Tally) -> str:
    """`45.5% [41.0, 50.1] exact_match, n = 200 · 109 of 200 answers wrong · 37 no number, 12 never stopped`."""
    said = []
    score = tally.score
    if score is not None and score.value is not None:
        spread = interval(score.low, score.high, score.is_share)
        repeats = f", avg@{score.k}" if score.k > 1 else ""
        n = "" if score.n is None else f", n = {count(score.n)}{repeats}"
        said.append(
            f"{shown(score.value, score.is_share)} {spread} {one_line(score.metric)}{n}".replace("  ", " ")
        )
    answers = f"{count(tally.answers)} answer{'s' if tally.answers != 1 else ''}"
    said.append(f"{count(tally.failed)} of {answers} wrong" if tally.failed else answers)
    kinds = [f"{count(times)} {label(what)}" for what, times in tally.odd[:MOST_KINDS]]
    others = sum(times for _, times in tally.odd[MOST_KINDS:])
    if kinds:
        said.append(", ".join([*kinds, *([f"{count(others)} other"] if others else [])]))
    return " · ".join(said)


def shown_said(group: Group) -> str:
    wrong = (
        f"; {count(group.failed)} went wrong with one of these models, and come first" if group.failed else ""
    )
    problems = f"problem{'s' if group.total != 1 else ''}"
    return f"{count(len(group.problems))} of {count(group.total)} {problems}{wrong}"


def mark(answer: Answer) -> str:
    """`✓`, `✗`, `0.50` or a grade; `·` where nothing is scored."""
    if answer.score is None:
        return "·"
    if answer.score in (0.0, 1.0):
        return "✓" if answer.score else "✗"
    return f"{answer.score:.3g}"


def name(answer: Answer) -> str:
    repeats = f" {answer.sample + 1}/{answer.of}" if answer.of > 1 else ""
    return f"{one_line(answer.model)}{repeats}"


def facts(answer: Answer) -> list[str]:
    said = [label(answer.note)] if answer.note else []
    if answer.unterminated and "thought without end" not in answer.note:
        said.append("thought without end")
    elif not answer.stopped and not answer.unterminated:
        said.append("never stopped")
    if answer.tokens is not None:
        said.append(f"{count(answer.tokens)} token{'s' if answer.tokens != 1 else ''}")
    if answer.cached:
        said.append("known from before")
    return said


def details(answer: Answer, most: int) -> list[tuple[str, str]]:
    """Name and value of what a task tells besides; the judge's words."""
    said = []
    if answer.extracted is not None:
        said.append(("extracted", shorten(one_line(answer.extracted), most)))
    elif answer.failed:
        said.append(("extracted", "nothing"))
    said += [(one_line(key).replace("_", " "), shorten(one_line(value), most)) for key, value in answer.more]
    return said + [("judge", shorten(one_line(reply), most)) for reply in answer.judge]
