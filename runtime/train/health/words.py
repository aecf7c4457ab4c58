"""What went wrong in a preference run, in words, from its numbers alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from smolc.runtime.train.health.limits import (
    CHOSEN_FALL,
    FEW,
    GAP,
    KL_A_TOKEN,
    LN2,
    LONGER,
    MODERATE,
    ROSE,
    SHORTER,
    STILL,
    STILL_KL,
    STILL_MARGIN,
    STOPS_LESS,
    TOLD_APART,
)
from smolc.runtime.train.health.numbers import Measured

FROM_LN2 = ("sigmoid", "robust")
REFERENCE_FREE = ("orpo", "cpo", "simpo")
ACCURACY, MARGIN = "rewards/accuracies", "rewards/margins"

OWN_LOSS = {
    "dpo": ", raise beta, or add the chosen answers' own loss: `loss = [sigmoid, sft]`",
    "cpo": ", raise beta, or weigh the chosen answers' own loss more: `alpha`",
}
"""What else helps where chosen answers get unlikely, by method."""


@dataclass(frozen=True)
class Finding:
    """word: for a table's cell. bad: whether something went wrong."""

    word: str
    text: str
    bad: bool = True


@dataclass(frozen=True)
class Seen:
    """losses: DPO's, by name. curve: rows of metrics.jsonl. held_out: rows of the validation split. measured: at the end;
    None where `why_not` says why."""

    method: str
    losses: tuple[str, ...]
    curve: Sequence[dict[str, Any]]
    held_out: int
    measured: Measured | None
    why_not: str = ""

    @property
    def reference_free(self) -> bool:
        return self.method in REFERENCE_FREE

    @property
    def base(self) -> float:
        """Share of held-out pairs preferred before training: by chance, or of reference-free losses the start model's."""
        return self.measured.start.likelier if self.reference_free and self.measured else 0.5

    def trained(self, key: str) -> float | None:
        """Mean over the last quarter of what was logged of training."""
        values = [row[key] for row in self.curve if key in row]
        last = values[-math.ceil(len(values) / 4) :]
        return sum(last) / len(last) if last else None

    def evaluated(self, key: str) -> list[tuple[int, float]]:
        return [(row["step"], row[f"eval_{key}"]) for row in self.curve if f"eval_{key}" in row]


def findings(seen: Seen) -> list[Finding]:
    """The most telling first; if none is bad, the last one says so with the numbers. Never empty."""
    found = list(_still(seen)) or [
        *_chosen(seen),
        *_answers(seen),
        *_far(seen),
        *(without := list(_without_accuracy(seen))),
        *([] if without else _reversed(seen)),
        *_loss_rose(seen),
    ]
    if not any(f.bad for f in found):
        found += _well(seen)
    return [*found, *_little_known(seen)]


def _still(seen: Seen) -> Iterator[Finding]:
    what = _same_loss(seen) or _same_model(seen)
    if what:
        yield Finding(
            "nothing learnt",
            f"It learnt nothing: {what}. No answer became likelier than it was. Raise the learning rate, or train longer.",
        )


def _same_loss(seen: Seen) -> str:
    losses = [row["loss"] for row in seen.curve if "loss" in row]
    if seen.method != "dpo" or len(seen.losses) != 1 or seen.losses[0] not in FROM_LN2 or len(losses) < 2:
        return ""
    if any(abs(loss - LN2) >= STILL for loss in losses[len(losses) // 2 :]):
        return ""
    return f"the loss stayed at ln 2 = 0.693, where it starts (it ended at {losses[-1]:.4f})"


def _same_model(seen: Seen) -> str:
    """Of any loss, by what was measured."""
    m = seen.measured
    if m is None or abs(m.margin) >= STILL_MARGIN or max(m.kl_chosen, m.kl_rejected) >= STILL_KL:
        return ""
    return (
        f"on held-out rows the model is the one that it is compared with (KL {max(m.kl_chosen, m.kl_rejected):.1g} nats a "
        f"token; chosen answers gained {m.margin:.1g} nats over rejected ones)"
    )


def _chosen(seen: Seen) -> Iterator[Finding]:
    m = seen.measured
    if m is None:
        return
    fell = m.start.chosen - m.trained.chosen
    if fell < CHOSEN_FALL:
        return
    rejected = m.start.rejected - m.trained.rejected
    how = f"rejected ones by {rejected:.2f}" if rejected > 0 else "while rejected ones did not fall"
    yield Finding(
        "chosen collapsed",
        f"Chosen answers collapsed: on held-out rows their log-probability fell by {fell:.2f} nats a token "
        f"({m.start.chosen:.2f} to {m.trained.chosen:.2f}), {how}: the model is moving away from the answers that it "
        f"should give. Lower the learning rate{OWN_LOSS.get(seen.method, ' or raise beta')}.",
    )


def _answers(seen: Seen) -> Iterator[Finding]:
    a = seen.measured.answers if seen.measured else None
    if a is None:
        return
    before, now = a.start, a.trained
    data = "" if a.chosen is None else f", and chosen answers have {a.chosen:.0f}"
    said = f"{now.tokens:.0f} tokens on average, where the start model's have {before.tokens:.0f}{data}"
    cut = f" (they were cut at {a.room})" if now.stopped < 1 else ""
    if now.tokens >= LONGER * max(before.tokens, a.chosen or 0.0):
        yield Finding(
            "answers exploded",
            f"Answers exploded in length: {said}{cut}. Look at the lengths of chosen against rejected answers in the data, "
            "or take a loss that is a mean over tokens (simpo, ipo).",
        )
    elif now.tokens <= SHORTER * min(before.tokens, before.tokens if a.chosen is None else a.chosen):
        yield Finding("answers vanished", f"Answers became nearly empty: {said}. Lower the learning rate.")
    if before.stopped - now.stopped >= STOPS_LESS:
        yield Finding(
            "does not stop",
            f"Answers no longer end by themselves: {now.stopped:.0%} of {a.prompts} within {a.room} tokens, where the "
            f"start model ends {before.stopped:.0%}.",
        )


def _far(seen: Seen) -> Iterator[Finding]:
    m = seen.measured
    if m is None or m.kl_chosen < KL_A_TOKEN:
        return
    # Without a reference in the loss, going far towards the chosen answers is what it is for.
    if seen.reference_free and m.trained.chosen > m.start.chosen:
        return
    yield Finding(
        "KL ran away",
        f"The model ran away from where it started: KL(trained | start) is {m.kl_chosen:.2f} nats a token on chosen "
        f"answers and {m.kl_rejected:.2f} on rejected ones. Raise beta, lower the learning rate, or train on fewer pairs.",
    )


def _without_accuracy(seen: Seen) -> Iterator[Finding]:
    """Pairs learnt by heart: a margin that grows in training, and no held-out accuracy; or much less of it."""
    held = _held_out_accuracy(seen)
    if held is None:
        return
    share, count = held
    noise = MODERATE * 0.5 / math.sqrt(max(1, count))
    base = seen.base
    trained, margin = seen.trained(ACCURACY), seen.trained(MARGIN)
    m = seen.measured
    if trained is None and m is not None and not m.paired and margin is not None:
        # Of unpaired answers nothing is preferred in training: a margin is all there is.
        grown = margin > 0 and seen.evaluated(MARGIN) and seen.evaluated(MARGIN)[-1][1] < GAP * margin
        if grown and share <= base + noise:
            yield _margin_alone(f"in training good answers gained {margin:.2f} over bad ones", share, count)
        return
    if trained is None or trained < TOLD_APART:
        return
    if share <= base + noise and trained - share > noise:
        yield _margin_alone(f"in training {trained:.0%} of pairs are told apart", share, count)
    elif trained - share >= max(GAP, noise):
        yield Finding(
            "learnt by heart",
            f"It learns its pairs by heart: {trained:.0%} of training pairs are told apart, and {share:.0%} of {count:,} "
            "held-out ones. Train shorter, or on more and other pairs.",
        )


def _margin_alone(trained: str, share: float, count: int) -> Finding:
    return Finding(
        "margin without accuracy",
        f"The margin grows without accuracy: {trained}, and of {count:,} held-out ones {share:.0%}, which is chance or "
        "no more than before. What the labels prefer does not carry over to other prompts: look at the pairs.",
    )


def _held_out_accuracy(seen: Seen) -> tuple[float, int] | None:
    """As the loss has it, on all held-out pairs; where the trainer does not tell, by what was measured."""
    told = seen.evaluated(ACCURACY)
    if told and seen.held_out:
        return told[-1][1], seen.held_out
    if seen.measured is None:
        return None
    m = seen.measured
    return (m.trained.likelier if seen.reference_free else m.preferred), m.pairs


def _loss_rose(seen: Seen) -> Iterator[Finding]:
    losses = seen.evaluated("loss")
    if len(losses) < 3:
        return
    at, lowest = min(losses, key=lambda row: row[1])
    step, last = losses[-1]
    if at != step and last - lowest > max(0.02, ROSE * abs(lowest)):
        yield Finding(
            "held-out loss rose",
            f"The held-out loss was lowest at step {at} ({lowest:.3f}) and rose to {last:.3f} by step {step}: train no "
            "longer than that, or lower the learning rate.",
        )


def _reversed(seen: Seen) -> Iterator[Finding]:
    held = _held_out_accuracy(seen)
    if held is None:
        return
    share, count = held
    base, noise = seen.base, MODERATE * 0.5 / math.sqrt(max(1, count))
    if share < base - noise:
        before = "chance is 50%" if base == 0.5 else f"before training it was {base:.0%}"
        yield Finding(
            "preferences reversed",
            f"It prefers rejected answers: in {share:.0%} of {count:,} held-out pairs the chosen one is preferred, and "
            f"{before}. Look whether chosen and rejected are swapped in the data, or train on fewer pairs.",
        )


def _well(seen: Seen) -> Iterator[Finding]:
    m = seen.measured
    if m is None:
        return
    noise = 100 * MODERATE * 0.5 / math.sqrt(max(1, m.pairs))
    pairs = (
        f"of {m.pairs:,} held-out pairs"
        if m.paired
        else f"of all pairs of {m.pairs:,} good and bad held-out answers"
    )
    if seen.reference_free:
        told = f"in {m.trained.likelier:.0%} (± {noise:.0f}) {pairs} the chosen answer is the likelier one a token, where "
        told += f"it was in {m.start.likelier:.0%}"
    else:
        told = f"in {m.preferred:.0%} (± {noise:.0f}) {pairs} the chosen answer gained on the rejected one"
    before, now = m.start, m.trained
    text = (
        f"Nothing went wrong: {told}; log-probabilities a token went from {before.chosen:.2f} to {now.chosen:.2f} for "
        f"chosen and from {before.rejected:.2f} to {now.rejected:.2f} for rejected answers; KL to the start model is "
        f"{m.kl_chosen:.3f} a token"
    )
    if m.answers:
        text += (
            f"; own answers went from {m.answers.start.tokens:.0f} to {m.answers.trained.tokens:.0f} tokens"
        )
    yield Finding("", text + ".", bad=False)


def _little_known(seen: Seen) -> Iterator[Finding]:
    if seen.measured is None:
        yield Finding("", f"Not measured on held-out pairs: {seen.why_not}.", bad=False)
    elif seen.measured.pairs < FEW:
        n = seen.measured.pairs
        noise = 100 * MODERATE * 0.5 / math.sqrt(max(1, n))
        yield Finding(
            "",
            f"Only {n} held-out {'pairs' if seen.measured.paired else 'answers of the rarer label'}: a share of them is "
            f"known to ± {noise:.0f} points. Hold out more: `holdout = 200seq`.",
            bad=False,
        )
