"""The base of everything that a recipe can say: typed, frozen, and it knows where it was written."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)
from typing_extensions import Self

from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.diagnostics.suggest import closest


@dataclass
class Reading:
    """What comes to light while a recipe is read: mistakes, and references to be looked up (with the kinds that fit)."""

    found: list[Diagnostic] = field(default_factory=list)
    links: list[tuple[Any, tuple[str, ...]]] = field(default_factory=list)


@dataclass(frozen=True)
class Origin:
    """Where a block or constructor was written, and where each of its keys and values was."""

    span: Span
    keys: dict[str, Span] = field(default_factory=dict)
    values: dict[str, Span] = field(default_factory=dict)


class Args(dict[str, Any]):
    """What pydantic is given for a block or a constructor: raw tree values by key, with their origin.

    `what` names it in messages (``stage `sft` ``, `` `adamw` ``).
    """

    def __init__(self, origin: Origin, what: str, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.origin = origin
        self.what = what


@cache
def _required(noun: type[BaseModel]) -> tuple[str, ...]:
    return tuple(key for key, field in noun.model_fields.items() if field.is_required())


class Noun(BaseModel):
    """A block of a recipe, or a typed constructor in it. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)

    _origin: Origin | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Reports unknown and missing keys at their place (into `info.context`, a `Reading`), and keeps the origin."""
        if not isinstance(data, Args):
            return handler(data)
        assert isinstance(info.context, Reading)
        found = info.context.found
        fields = cls.__pydantic_fields__
        meant = set()
        for key in [k for k in data if k not in fields]:
            found.append(cls._unknown(data, key))
            meant.add(closest(key, fields))
            del data[key]
        # A misspelt key is one mistake.
        found.extend(
            _missing(data, key, fields[key].description)
            for key in _required(cls)
            if key not in data and key not in meant
        )
        made = handler(data)
        object.__setattr__(
            made, "__pydantic_private__", {"_origin": data.origin}
        )  # pydantic's way takes longer
        return made

    @classmethod
    def _unknown(cls, data: Args, key: str) -> Diagnostic:
        near = closest(key, cls.model_fields)
        names = ", ".join(f"`{n}`" for n in cls.model_fields)
        help = f"did you mean `{near}`?" if near else f"it has {names}" if names else "it takes no arguments"
        span = data.origin.keys.get(key, data.origin.span)
        return Diagnostic(
            "V008", "unknown-key", Severity.ERROR, f"{data.what} has no `{key}`", span, help=help
        )

    def span_of(self, key: str) -> Span | None:
        """Where the value of `key` was written; if it was not, where the whole was."""
        origin = self._where()
        return origin.values.get(key, origin.span) if origin else None

    @property
    def span(self) -> Span | None:
        origin = self._where()
        return origin.span if origin else None

    def _where(self) -> Origin | None:
        """`_origin`, without the detour of pydantic's private attributes: rules ask for it thousands of times."""
        private = self.__pydantic_private__
        return private["_origin"] if private else None

    def given(self, key: str) -> bool:
        """Whether the recipe says `key`, rather than leaving it at its default."""
        return key in self.model_fields_set


def _missing(data: Args, key: str, description: str | None) -> Diagnostic:
    about = f": {description[0].lower()}{description[1:]}" if description else ""
    help = f"add `{key} = ...`{about}"
    return Diagnostic(
        "V007", "missing-key", Severity.ERROR, f"{data.what} needs `{key}`", data.origin.span, help=help
    )


class Line(Noun):
    """A line of a block whose key is the author's own.

    `form` is what it looks like, `example` one that can be copied.
    """

    form: ClassVar[str]
    example: ClassVar[str]


class Variant(Noun):
    """A typed constructor such as `adamw(lr = 2e-5)`.

    `word` is its name in a recipe; `positional` are the fields that may be given without a name, in order.
    """

    word: ClassVar[str]
    positional: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def unwritten(cls) -> Self:
        """With all fields at their defaults. Made without validation, whose schema start-up would have to build."""
        return cls.model_construct()  # type: ignore[return-value]  # the plugin forgets the subclass
