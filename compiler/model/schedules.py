"""How the learning rate moves."""

from typing import Annotated, ClassVar

from pydantic import Field

from smolc.compiler.model.base import Variant
from smolc.compiler.model.types import Fraction, Quantity, Warmup
from smolc.compiler.model.variants import OneOf


class _Schedule(Variant):
    warmup: Warmup = Field(default=Quantity(0.03, "%"), description="Linear warm-up.")


class Cosine(_Schedule):
    """Half a cosine from the peak down to `floor` of it."""

    word: ClassVar[str] = "cosine"
    floor: Fraction = Field(default=0.1, description="Where it ends, as a part of the peak.", examples=["0%"])


class Linear(_Schedule):
    """A straight line from the peak down to zero."""

    word: ClassVar[str] = "linear"


class Constant(_Schedule):
    """The peak, all the way."""

    word: ClassVar[str] = "constant"


class Wsd(_Schedule):
    """Warm-up, stable, decay."""

    word: ClassVar[str] = "wsd"
    decay: Fraction = Field(default=0.2, description="Part of the run that decays.")
    floor: Fraction = Field(default=0.0, description="Where it ends, as a part of the peak.")


Schedule = Annotated[Cosine | Linear | Constant | Wsd, OneOf(Cosine, Linear, Constant, Wsd, default=Cosine)]
