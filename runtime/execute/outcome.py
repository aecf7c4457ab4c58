"""A finished job's result in a few words."""

from __future__ import annotations

from pathlib import Path

from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.report.health import words_of
from smolc.runtime.report.outputs import mapping, number, objects, read_object
from smolc.runtime.report.text import clean, count, decimal, setting

MORE = 1.05
"""Times the epochs that were asked for, from which it is said."""


def in_short(folder: Path, entry: Entry) -> str:
    """One short line, or "" where there is nothing to say."""
    out = folder / "out" / entry.id
    result = read_object(out / "result.json")
    if entry.kind == "train":
        return _train(result)
    if entry.kind == "prepare":
        return _prepare(read_object(out / "stats.json"))
    if entry.kind == "pick":
        values = mapping(result.get("values"))
        what = ", ".join(f"{key} = {setting(value)}" for key, value in values.items())
        return clean(f"winner {what or result.get('winner', '?')}")
    if entry.kind == "cull":
        on = [row for row in objects(result.get("table")) if row.get("verdict") == "goes on"]
        return f"{len(on)} of {len(objects(result.get('table')))} go on"
    if entry.kind == "merge":
        merged = [f"{one.get('name')}" for one in objects(result.get("merged"))]
        return clean(f"of {', '.join(merged)}") if merged else ""
    if entry.kind == "generate":
        answers, prompts = (number(result.get(key)) or 0 for key in ("answers", "prompts"))
        return f"{count(answers)} answers to {count(prompts)} prompts"
    if entry.kind == "pairs":
        pairs, answers = (number(result.get(key)) or 0 for key in ("pairs", "answers"))
        by = mapping(result.get("by"))
        unasked = number(mapping(by.get("answers") or by.get("programs")).get("without a problem")) or 0
        said = f"; of {count(unasked)} no problem says what is right" if unasked else ""
        noun = "pair" if pairs == 1 else "pairs"
        return f"{count(pairs)} {noun} from {count(answers)} answers{said}"
    if entry.kind == "evaluate":
        rows = objects(read_object(out / "results.json").get("rows"))
        models = {str(r.get("model")) for r in rows}
        return f"{len(models)} models, {len(rows)} scores" if rows else ""
    if entry.kind == "replicate":
        return f"{len(objects(result.get('replicated')))} known scores came out"
    if entry.kind == "contamination":
        leaked, problems = (number(result.get(key)) or 0 for key in ("leaked", "problems"))
        return (
            f"{count(leaked)} of {count(problems)} problems are in the data"
            if leaked
            else "nothing in common"
        )
    if entry.kind == "gate":
        return f"{len(objects(result.get('checks')))} checks hold"
    return "report.html" if entry.kind == "report" else ""


def _train(result: dict[str, object]) -> str:
    first, last = number(result.get("first_loss")), number(result.get("train_loss"))
    held_out, pace = number(result.get("eval_loss")), number(result.get("tokens_per_second"))
    parts = []
    if result.get("diverged"):
        parts.append("diverged")
    elif result.get("stopped"):
        parts.append(clean(str(result.get("why", "stopped"))))
    if last is not None:
        parts.append(
            f"loss {decimal(first)} → {decimal(last)}" if first is not None else f"loss {decimal(last)}"
        )
    if held_out is not None:
        parts.append(f"held-out {decimal(held_out)}")
    if pace is not None:
        parts.append(f"{count(pace)} tok/s")
    epochs, asked = number(result.get("epochs")), number(result.get("epochs_asked"))
    if epochs is not None and asked is not None and epochs > MORE * asked:
        parts.append(f"{epochs:.2f} epochs of {asked:g}: whole steps")
    if wrong := words_of(result):
        parts.append(wrong)
    if (continued := mapping(result.get("continued"))).get("from"):
        damaged = continued.get("damaged")
        why = (
            f", since {', '.join(map(str, damaged))} is damaged"
            if isinstance(damaged, list) and damaged
            else ""
        )
        parts.append(clean(f"continued from {continued['from']}{why}"))
    return "   ".join(parts)


def _prepare(stats: dict[str, object]) -> str:
    train = mapping(stats.get("train"))
    rows, tokens = (number(train.get(k, stats.get(k))) for k in ("rows", "tokens"))
    if rows is None or tokens is None:
        return ""
    return f"{count(rows)} rows, {count(tokens)} tokens"
