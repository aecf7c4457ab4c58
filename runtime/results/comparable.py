"""Whether two scores measure the same thing in the same way."""

from __future__ import annotations

from dataclasses import dataclass

from smolc.runtime.jobs.evaluate import JudgedTask
from smolc.runtime.report.outputs import mapping
from smolc.runtime.report.text import clean, setting, shorten
from smolc.runtime.results.evaluated import Evaluated, Score

NOT_THE_TASK = {"name", "location", "subset", "avg", "pass_at"}
"""What may differ between tasks: the questions are compared themselves, and more answers to each only narrow the
interval."""
OF_A_JUDGE = {"weights": "weights", "prompts": "prompts", "template": "chat template", "decode": "decoding"}


@dataclass(frozen=True)
class Compared:
    """reasons: why the scores cannot be compared; warnings: what may have made a small difference."""

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def compared(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> Compared:
    reasons = [
        *_differ("metric", mine.metric, theirs.metric),
        *_decoding(one, other),
        *_task(one, mine, other, theirs),
        *_differ("chains of thought taken out", _stripping(one), _stripping(other)),
        *_judges(one, mine, other, theirs),
        *_questions(one, mine, other, theirs),
    ]
    warnings: list[str] = []
    template = _templates(one, mine, other, theirs)
    # Each model has a template of its own; one model has one.
    (reasons if mine.model == theirs.model else warnings).extend(template)
    warnings += _surroundings(one, mine, other, theirs)
    return Compared(tuple(reasons), tuple(warnings))


def _differ(what: str, a: object, b: object) -> list[str]:
    return [] if a == b else [f"{what}: {_said(a)} against {_said(b)}"]


def _said(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{setting(k)} = {_said(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_said, value)) or "none"
    return shorten(clean(setting(value)), 80)


def _decoding(one: Evaluated, other: Evaluated) -> list[str]:
    a, b = one.decode, other.decode
    return [
        found
        for key in dict.fromkeys([*a, *b])
        # A greedy answer does not depend on what could be drawn.
        if not (key == "top_p" and a.get("temperature") == b.get("temperature") == 0)
        for found in _differ(f"decoding, {key}", a.get(key), b.get(key))
    ]


def _task(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> list[str]:
    tasks = one.task(mine.task), other.task(theirs.task)
    if tasks[0] is None or tasks[1] is None:
        return []
    a, b = (task.model_dump(exclude=NOT_THE_TASK) for task in tasks if task is not None)
    return [
        found for key in dict.fromkeys([*a, *b]) for found in _differ(f"task, {key}", a.get(key), b.get(key))
    ]


def _stripping(one: Evaluated) -> object:
    return one.results.get("strip_thinking") if one.results.get("strip") is not False else None


def _templates(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> list[str]:
    a, b = one.template(mine.model), other.template(theirs.model)
    found = _differ("chat template", a.get("hash"), b.get("hash"))
    if found and a.get("template") != b.get("template"):
        found = [f"{found[0]} ({_said(a.get('template'))} and {_said(b.get('template'))})"]
    return found + _differ("end of turn", a.get("end_of_turn"), b.get("end_of_turn"))


def _judges(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> list[str]:
    if not (_is_judged(one, mine) or _is_judged(other, theirs)):
        return []
    a, b = one.judge, other.judge
    if a.get("identity") == b.get("identity") and bool(a) == bool(b):
        return []
    names = f"judge: `{_said(a.get('name'))}` against `{_said(b.get('name'))}`"
    parts = [
        f"{said} {_short(a.get(key))} against {_short(b.get(key))}"
        for key, said in OF_A_JUDGE.items()
        if a.get(key) != b.get(key)
    ]
    return [f"{names}, of other {'; '.join(parts)}" if parts else names]


def _short(value: object) -> str:
    """Fingerprints are told by their beginning."""
    return shorten(_said(value), 24) if isinstance(value, str) and ":" in value else _said(value)


def _is_judged(one: Evaluated, score: Score) -> bool:
    return isinstance(one.task(score.task), JudgedTask) or "unjudged" in score.raw


def _questions(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> list[str]:
    """The problems themselves: their ids, what is expected, and (in one template) the prompts."""
    a, b = (o.asked.get((s.model, _base(o, s)), {}) for o, s in ((one, mine), (other, theirs)))
    if not a and not b:
        return []
    common = a.keys() & b.keys()
    if len(common) < max(len(a), len(b)):
        subset = " (another subset of them, or other data)" if common else ""
        return [f"problems: {len(a):,} against {len(b):,}, {len(common):,} of them in both{subset}"]
    other_gold = [problem for problem in a if a[problem][0] != b[problem][0]]
    if other_gold:
        return [
            f"problems: {len(other_gold):,} of {len(a):,} expect another answer, first {_said(other_gold[0])}"
        ]
    same_template = one.template(mine.model).get("hash") == other.template(theirs.model).get("hash")
    other_prompt = [problem for problem in a if same_template and a[problem][1] != b[problem][1]]
    if other_prompt:
        return [
            f"problems: the prompts of {len(other_prompt):,} of {len(a):,} differ, first {_said(other_prompt[0])}"
        ]
    return []


def _base(one: Evaluated, score: Score) -> str:
    task = one.task(score.task)
    return task.name if task is not None else score.task


def _surroundings(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> list[str]:
    a, b = one.results, other.results
    warnings = [f for key in ("role", "precision", "device") for f in _differ(key, a.get(key), b.get(key))]
    engines = mapping(a.get("engine")), mapping(b.get("engine"))
    warnings += _differ("engine", *(f"{_said(e.get('name'))} {_said(e.get('version'))}" for e in engines))
    versions = mapping(a.get("versions")), mapping(b.get("versions"))
    for name in dict.fromkeys([*versions[0], *versions[1]]):
        warnings += _differ(f"version of {_said(name)}", versions[0].get(name), versions[1].get(name))
    weights = [mapping(o.results.get("weights")).get(s.model) for o, s in ((one, mine), (other, theirs))]
    if weights[0] is not None and weights[0] == weights[1]:
        warnings.append("the same weights: only how they were asked can differ")
    return warnings
