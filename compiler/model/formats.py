"""What a row looks like, and which columns hold it."""

from typing import Any, ClassVar

from pydantic import Field

from smolc.compiler.model.base import Variant
from smolc.compiler.model.texts import ROLES, Pattern
from smolc.compiler.model.types import Str


class Messages(Variant):
    """Conversations: a column holding a list of `{"role": ..., "content": ...}`, or of what the data calls these."""

    word: ClassVar[str] = "messages"
    positional: ClassVar[tuple[str, ...]] = ("column",)
    column: Str = Field(
        default="messages", description="Column with the conversation.", examples=['"conversation"']
    )
    tools: Str | None = Field(
        default=None,
        description="Column with the tools that the conversation may call.",
        examples=['"tools"'],
    )
    template_kwargs: Str | None = Field(
        default=None,
        description="Column with variables for the chat template.",
        examples=['"chat_template_kwargs"'],
    )
    role: Str = Field(
        default="role", description="What the data calls a message's role.", examples=['"speaker"']
    )
    content: Str = Field(
        default="content", description="What the data calls a message's text.", examples=['"text"']
    )
    system: Str | None = Field(
        default=None, description="What the data calls the system.", examples=['"instructions"']
    )
    user: Str | None = Field(default=None, description="What the data calls the user.", examples=['"human"'])
    assistant: Str | None = Field(
        default=None, description="What the data calls the assistant.", examples=['"bot"']
    )
    tool: Str | None = Field(
        default=None, description="What the data calls a tool's result.", examples=['"function"']
    )

    @property
    def named(self) -> dict[str, str]:
        """Each role that is ours with the data's name for it, where the recipe gives one."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


class Sharegpt(Variant):
    """ShareGPT's conversations: a list of `{"from": "human" | "gpt" | ..., "value": ...}`."""

    word: ClassVar[str] = "sharegpt"
    positional: ClassVar[tuple[str, ...]] = ("column",)
    column: Str = Field(
        default="conversations", description="Column with the conversation.", examples=['"dialog"']
    )
    tools: Str | None = Field(
        default=None,
        description="Column with the tools that the conversation may call.",
        examples=['"tools"'],
    )


def _role() -> Any:
    """Of a message in a column that may hold a text or messages."""
    return Field(
        default=None,
        description='What the data calls a message\'s role; if not given, "role", or "from" as ShareGPT does.',
        examples=['"speaker"'],
    )


def _content() -> Any:
    return Field(
        default=None,
        description='What the data calls a message\'s text; if not given, "content", or "value" as ShareGPT does.',
        examples=['"text"'],
    )


def _system() -> Any:
    return Field(
        default=None,
        description="Column with the row's system prompt; may be empty.",
        examples=['"system"'],
    )


class PromptCompletion(Variant):
    """A question and its answer, in two columns: a text, a message, or a list of messages each."""

    word: ClassVar[str] = "prompt_completion"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "completion")
    prompt: Str = Field(default="prompt", description="Column with the question.", examples=['"question"'])
    completion: Str = Field(
        default="completion", description="Column with the answer.", examples=['"answer"']
    )
    system: Str | None = _system()
    role: Str | None = _role()
    content: Str | None = _content()


class Alpaca(Variant):
    """Instruction, optional input, and response."""

    word: ClassVar[str] = "alpaca"
    instruction: Str = Field(
        default="instruction", description="Column with the instruction.", examples=['"task"']
    )
    input: Str | None = Field(
        default="input", description="Column with what it is about; may be empty.", examples=['"context"']
    )
    output: Str = Field(default="output", description="Column with the response.", examples=['"answer"'])
    system: Str | None = _system()
    history: Str | None = Field(
        default=None,
        description="Column with earlier turns, a list of `[question, answer]`; may be empty.",
        examples=['"history"'],
    )


class Preference(Variant):
    """A chosen and a rejected answer: a text, a message, or a list of messages each. `prompt = ""` where both columns hold
    whole conversations."""

    word: ClassVar[str] = "preference"
    prompt: Str = Field(
        default="prompt", description='Column with the question; "" if there is none.', examples=['""']
    )
    chosen: Str = Field(default="chosen", description="Column with the better answer.", examples=['"good"'])
    rejected: Str = Field(default="rejected", description="Column with the worse one.", examples=['"bad"'])
    system: Str | None = _system()
    role: Str | None = _role()
    content: Str | None = _content()


class Unpaired(Variant):
    """KTO's data: an answer (a text, a message, or a list of messages), and whether it is a good one. `prompt = ""` where
    its column holds a whole conversation, whose last message is judged."""

    word: ClassVar[str] = "unpaired"
    prompt: Str = Field(
        default="prompt", description='Column with the question; "" if there is none.', examples=['""']
    )
    completion: Str = Field(
        default="completion", description="Column with the answer.", examples=['"answer"']
    )
    label: Str = Field(
        default="label",
        description="Column with true for a good answer, false for a bad one.",
        examples=['"good"'],
    )
    system: Str | None = _system()
    role: Str | None = _role()
    content: Str | None = _content()


class PlainText(Variant):
    """Text to continue pretraining on."""

    word: ClassVar[str] = "text"
    positional: ClassVar[tuple[str, ...]] = ("column",)
    column: Str = Field(default="text", description="Column with the text.", examples=['"body"'])


class Map(Variant):
    """Columns of any kind, put together by texts: `{name}` is a column, `{{` and `}}` are braces.

    `text` makes a document; `user` and `assistant` a conversation; `user`, `chosen` and `rejected` a preference. The
    last two may have `system`, too.
    """

    word: ClassVar[str] = "map"
    text: Pattern | None = Field(default=None, description="A document.", examples=['"{title}\\n\\n{body}"'])
    system: Pattern | None = Field(
        default=None, description="The system prompt.", examples=['"Answer in {language}."']
    )
    user: Pattern | None = Field(
        default=None, description="The user's turn.", examples=['"{context}\\n\\n{question}"']
    )
    assistant: Pattern | None = Field(
        default=None, description="The answer that is trained.", examples=['"{answer}"']
    )
    chosen: Pattern | None = Field(default=None, description="The better answer.", examples=['"{best}"'])
    rejected: Pattern | None = Field(default=None, description="The worse answer.", examples=['"{worst}"'])

    @property
    def texts(self) -> dict[str, str]:
        """Those that it puts together."""
        return {key: text for key in type(self).model_fields if (text := getattr(self, key)) is not None}

    @property
    def makes(self) -> frozenset[str] | None:
        """One of MAPPED, or None if the texts make no row."""
        said = frozenset(self.texts)
        known = said - {"system"} if "user" in said else said
        return known if known in MAPPED else None


DOCUMENT = frozenset({"text"})
CONVERSATION = frozenset({"user", "assistant"})
PREFERENCE = frozenset({"user", "chosen", "rejected"})
MAPPED = (DOCUMENT, CONVERSATION, PREFERENCE)
"""Texts that make a row together; where there is a user, there may be a system prompt."""

Format = Messages | Sharegpt | PromptCompletion | Alpaca | Preference | Unpaired | PlainText | Map
FORMATS = (Messages, Sharegpt, PromptCompletion, Alpaca, Preference, Unpaired, PlainText, Map)
