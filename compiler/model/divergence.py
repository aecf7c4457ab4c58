"""What a preference reward is derived from: f-DPO (Wang et al. 2023, arXiv 2309.16240).

A ratio is policy over reference, of a whole answer; the reward is beta f'(ratio), up to what two answers share.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from smolc.compiler.model.base import Variant
from smolc.compiler.model.types import Ratio
from smolc.compiler.model.variants import OneOf


class ReverseKl(Variant):
    """KL(policy || reference), DPO's own: a reward is the log ratio."""

    word: ClassVar[str] = "reverse_kl"


class ForwardKl(Variant):
    """KL(reference || policy): a reward is 1 - 1 / ratio, without a bound below, so that it overflows beyond e^88."""

    word: ClassVar[str] = "forward_kl"


class Js(Variant):
    """Jensen-Shannon divergence: a reward is log(2 ratio / (1 + ratio)), at most log 2."""

    word: ClassVar[str] = "js"


class AlphaDivergence(Variant):
    """Between reverse (alpha = 0) and forward KL (alpha = 1): a reward is (1 - ratio^-alpha) / alpha."""

    word: ClassVar[str] = "alpha"
    positional: ClassVar[tuple[str, ...]] = ("alpha",)
    alpha: Ratio = Field(
        default=0.5,
        description="The paper's alpha; TRL's `f_alpha_divergence_coef` is 1 minus this.",
        examples=["0.3"],
    )


Divergence = Annotated[
    ReverseKl | ForwardKl | Js | AlphaDivergence, OneOf(ReverseKl, ForwardKl, Js, AlphaDivergence)
]
