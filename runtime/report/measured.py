"""How an eval was measured: what its scores depend on."""

from __future__ import annotations

from smolc.runtime.report.outputs import mapping, number
from smolc.runtime.report.text import count, label, setting
from smolc.runtime.results.evaluated import Evaluated


def facts(one: Evaluated) -> tuple[tuple[str, str], ...]:
    """Name and value."""
    results = one.results
    said = [
        ("decoding", _decoding(one)),
        ("chat template", _templates(one)),
        ("chain of thought", _thinking(one)),
        ("subsets", _subsets(one)),
        ("judge", _judge(one)),
        ("engine", " ".join(label(str(x)) for x in mapping(results.get("engine")).values() if x is not None)),
        ("on", " ".join(label(str(results[k])) for k in ("device", "precision") if results.get(k))),
        ("weights", _weights(one)),
        (
            "versions",
            ", ".join(f"{label(k)} {label(str(v))}" for k, v in mapping(results.get("versions")).items()),
        ),
        ("seed", setting(results["seed"]) if results.get("seed") is not None else ""),
    ]
    return tuple((name, value) for name, value in said if value)


def _decoding(one: Evaluated) -> str:
    temperature = number(one.decode.get("temperature"))
    if temperature is None:
        return ""
    how = (
        "greedy"
        if temperature == 0
        else f"temperature {setting(temperature)}, top-p {setting(one.decode.get('top_p'))}"
    )
    longest = number(one.decode.get("max_new"))
    return how + (f", at most {count(longest)} new tokens" if longest else "")


def _templates(one: Evaluated) -> str:
    """Once where all models have the same."""
    by_said: dict[str, list[str]] = {}
    for model, template in mapping(one.results.get("templates")).items():
        about = mapping(template)
        said = f"{label(str(about.get('template')))} (hash {label(str(about.get('hash')))})"
        by_said.setdefault(said, []).append(label(model))
    if len(by_said) == 1:
        return next(iter(by_said))
    return "; ".join(f"{', '.join(models)}: {said}" for said, models in by_said.items())


def _thinking(one: Evaluated) -> str:
    tags = one.results.get("strip_thinking")
    if isinstance(tags, list) and len(tags) == 2:
        return f"{label(str(tags[0]))} … {label(str(tags[1]))} is taken out before scoring"
    return "left in what is scored" if one.results.get("strip") is False else ""


def _subsets(one: Evaluated) -> str:
    return ", ".join(
        f"{label(task)}: {_subset(drawn)}" for task, drawn in mapping(one.results.get("subsets")).items()
    )


def _subset(drawn: object) -> str:
    if isinstance(drawn, dict):
        return f"{setting(drawn.get('subset'))} of {setting(drawn.get('of'))}"
    return setting(drawn)


def _judge(one: Evaluated) -> str:
    judge = one.judge
    if not judge:
        return ""
    said = [label(str(judge.get("name")))]
    if judge.get("model") not in (None, judge.get("name")):
        said.append(
            label(str(judge["model"]))
            + (f"@{label(str(judge['revision']))}" if judge.get("revision") else "")
        )
    for key, name in (("weights", "weights"), ("prompt_hash", "prompts"), ("identity", "identity")):
        if judge.get(key):
            said.append(f"{name} {_beginning(judge[key])}")
    said.append("pinned" if judge.get("pinned") is True else "not pinned")
    return ", ".join(said)


def _weights(one: Evaluated) -> str:
    return ", ".join(
        f"{label(model)} {_beginning(found)}" for model, found in mapping(one.results.get("weights")).items()
    )


def _beginning(fingerprint: object) -> str:
    """Of a hash; the name of a published model is told whole."""
    text = label(str(fingerprint))
    kind, colon, rest = text.partition(":")
    return f"{kind}:{rest[:12]}" if colon and kind == "sha256" else text
