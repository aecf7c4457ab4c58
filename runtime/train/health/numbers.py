"""What was measured of a preference run at its end, on held-out rows. Means over tokens weigh each token alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """chosen, rejected: log-probability of the answers, nats a token. likelier: share of pairs whose chosen answer has
    the higher mean; of unpaired answers, of all pairs of a good and a bad one."""

    chosen: float
    rejected: float
    likelier: float


@dataclass(frozen=True)
class Spoken:
    """Own answers: their mean length in tokens, and the share that ended by an end token."""

    tokens: float
    stopped: float


@dataclass(frozen=True)
class Answers:
    """Greedy answers to the same held-out prompts, of `room` tokens at most. chosen: mean length of the rows' answers
    there; None where none is chosen."""

    prompts: int
    room: int
    chosen: float | None
    start: Spoken
    trained: Spoken


@dataclass(frozen=True)
class Measured:
    """pairs: held-out pairs that this is of; of unpaired answers, the fewer of good and bad. *_tokens: mean length.

    margin: mean of log(trained / start) of the chosen answers less that of the rejected, nats an answer; times beta it
    is the reward margin. preferred: share of pairs where that is above 0. kl_*: KL(trained | start) a token, over the
    whole vocabulary at each position of the held-out answers: exact there, but not on answers that the model itself would
    give.
    """

    pairs: int
    paired: bool
    chosen_tokens: float
    rejected_tokens: float
    start: Side
    trained: Side
    margin: float
    preferred: float
    kl_chosen: float
    kl_rejected: float
    answers: Answers | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
