"""How much a training job does: batch, tokens per step, steps and tokens, as far as it can be known before it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from smolc.compiler.plan.defaults import PAIRED_WORDS
from smolc.compiler.plan.prepared import Prepared
from smolc.compiler.plan.types import Job

EXACT, ABOUT, AT_LEAST = "exact", "about", "at least"


@dataclass(frozen=True)
class Amount:
    """A number, how sure it is (EXACT, ABOUT, AT_LEAST), and what it rests on where the recipe does not say it."""

    value: int
    sure: str = EXACT
    basis: str = ""


@dataclass(frozen=True)
class Amounts:
    """Of one training job.

    sequences: per optimiser step = micro x accumulation x data_parallel; a preference pair counts as one.
    tokens_per_step: exact for packed rows but for their padding, an upper limit for others, and where the length is
    fitted to the data.
    fitted: whether `length` is the limit of a length that the prepared data decides.
    steps, tokens, passes: of the whole run; None where only the data can say.
    """

    sequences: int
    micro: int
    accumulation: int
    data_parallel: int
    length: int
    packed: bool
    fitted: bool
    tokens_per_step: int
    steps: Amount | None
    tokens: Amount | None
    passes: float | None
    prepared: Prepared | None


def tokens_per_step(body: dict[str, Any]) -> int:
    """Of a training job's body: exact for packed rows of a known length but for their padding, else an upper limit."""
    # A pair is read as two sequences.
    each = 2 if body["method"] in PAIRED_WORDS else 1
    return int(body["batch"]["global_sequences"]) * int(body["length"]) * each


def amounts(job: Job, data: Job, counted: Prepared | None) -> Amounts:
    """data: the `prepare` job that a training job reads. counted: what it counted, if it is done."""
    body = job.body
    batch, length = body["batch"], int(body["length"])
    sequences = int(batch["global_sequences"])
    packed, fitted = body["packing"] != "none", isinstance(data.body["length"], dict)
    per_step = tokens_per_step(body)
    guess = counted or _declared(data)
    steps = _steps(body["duration"], guess, sequences, per_step, packed, fitted)
    tokens = None
    if steps is not None:
        if counted is not None:
            whole = round(steps.value * sequences * counted.tokens / counted.bins)
            tokens = Amount(whole, ABOUT, "the prepared rows")
        elif body["duration"]["tokens"] is not None:
            tokens = Amount(int(body["duration"]["tokens"]))
        elif packed and not fitted and steps.sure == EXACT:
            tokens = Amount(steps.value * per_step, ABOUT, "full rows")
    passes = steps.value * sequences / counted.bins if steps is not None and counted is not None else None
    return Amounts(
        sequences,
        int(batch["micro"]),
        int(batch["accumulation"]),
        int(batch["data_parallel"]),
        length,
        packed,
        fitted,
        per_step,
        steps,
        tokens,
        passes,
        counted,
    )


def _steps(
    duration: dict[str, Any],
    data: Prepared | _Declared | None,
    sequences: int,
    per_step: int,
    packed: bool,
    fitted: bool,
) -> Amount | None:
    """Rounded up, as the runtime does: the last step is filled from another pass."""
    if duration["steps"] is not None:
        return Amount(int(duration["steps"]))
    if duration["tokens"] is not None:
        if isinstance(data, Prepared):
            return Amount(max(1, math.ceil(duration["tokens"] / (data.tokens / data.bins * sequences))))
        return Amount(max(1, math.ceil(duration["tokens"] / per_step)), AT_LEAST, "full rows")
    if isinstance(data, Prepared):
        return Amount(max(1, math.ceil(round(duration["epochs"] * data.bins / sequences, 6))))
    if data is None or (data.tokens is None and packed):
        return None
    if packed and data.tokens is not None:
        steps = math.ceil(round(duration["epochs"] * data.tokens / per_step, 6))
        sure = AT_LEAST if fitted else ABOUT
        return Amount(max(1, steps), sure, f"the mixture's budget of {data.tokens:,} tokens")
    if data.rows is None:
        return None
    steps = math.ceil(round(duration["epochs"] * data.rows / sequences, 6))
    return Amount(max(1, steps), ABOUT, f"the {data.rows:,} rows that the mixture takes")


@dataclass(frozen=True)
class _Declared:
    """What the recipe itself says of a mixture's size."""

    rows: int | None
    tokens: int | None


def _declared(data: Job) -> _Declared | None:
    """A budget in tokens, or `take(Nseq)` of every source; what is held out is left out."""
    body = data.body
    if body["budget_tokens"] is not None:
        return _Declared(None, int(body["budget_tokens"]))
    held = body["holdout"]
    beside = None if held is None else held.get("source")
    taken = [source["weight"].get("rows") for source in body["sources"] if source["name"] != beside]
    if not taken or any(rows is None for rows in taken):
        return None
    rows = sum(taken)
    if body["method"] == "kto" and all(s["format"]["type"] == "preference" for s in body["sources"]):
        rows *= 2  # each pair is two judged answers
    if held is not None and beside is None:
        rows -= held["rows"] if held["rows"] is not None else round(held["fraction"] * rows)
    return _Declared(max(1, rows), None)
