"""Chat templates: rendering, and what of it the assistant said.

The environment is transformers' own (sandboxed and immutable, with `{% generation %}`), so what is trained
is what inference renders. On top of it: arithmetic cannot build gigabytes, and a template that does not
end is stopped.
"""

from __future__ import annotations

import re
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from transformers.utils.chat_template_utils import _cached_compile_jinja_template

from smolc.runtime.data.formats import Message
from smolc.runtime.data.gates import REASONING, TODAY, freeze_today
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import PrepareJob, TemplateSpec

SHIPPED = ", ".join(
    f"chat/{name}.jinja"
    for name in ("chatml", "gemma", "llama3", "mistral", "phi", "qwen3", "smollm2", "smollm3", "zephyr")
)
SECONDS = 20.0  # for one conversation; a real template takes well under a millisecond
MEMORY = 2 << 30  # bytes
LONGEST = 1 << 26  # characters that `*` may build

_WIDE = re.compile(r"%[^a-zA-Z%]*\d{6}")
_MARKER = re.compile(r"{%[-+]?\s*generation\s*[-+]?%}")

Spans = list[tuple[int, int]]


class RenderError(Exception):
    """A conversation that the template does not render; the message names the template's line."""


@dataclass
class ChatTemplate:
    """name: what messages call it. kwargs: variables fixed by the recipe. dates: whether it may write today's date;
    if not, rendering raises JobError where it asks for it."""

    name: str
    source: str
    kwargs: dict[str, Any]
    dates: bool = True

    def __post_init__(self) -> None:
        # A new environment for each template, never the cached one: it is changed below.
        environment = _cached_compile_jinja_template("").environment
        environment.intercepted_binops = frozenset(["*", "**", "%"])
        environment.call_binop = _guarded
        if not self.dates:
            environment.globals[TODAY] = self._today
        try:
            with guarded():
                self._compiled = environment.from_string(self.source)
            self._globals = dict(self._compiled.globals)
        except TemplateSyntaxError as error:
            raise JobError(
                f"{self.name}:{error.lineno}: the template is not valid: {error.message}"
            ) from error
        except (TemplateError, RecursionError) as error:
            raise JobError(f"{self.name}: the template is not valid: {error}") from error
        except _TooLong:
            raise JobError(f"{self.name}: compiling it did not end within {SECONDS:.0f} seconds") from None

    def __reduce__(self) -> tuple[type[ChatTemplate], tuple[Any, ...]]:
        return ChatTemplate, (self.name, self.source, self.kwargs, self.dates)

    @property
    def marks_generation(self) -> bool:
        return _MARKER.search(self.source) is not None

    def render(
        self,
        messages: list[Message],
        tools: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        prompt: bool = False,
    ) -> tuple[str, Spans]:
        """The text, and the character ranges within `{% generation %}`.

        prompt: end with what makes the assistant speak (`add_generation_prompt`). Raises RenderError.
        """
        blocks: list[str] = []
        spans: Spans = []
        values = {**self.kwargs, **(kwargs or {})}
        values.update(messages=self.seen(messages), tools=tools, documents=None)
        values["add_generation_prompt"] = prompt
        try:
            tracker = self._compiled.environment.activate_tracker(blocks, spans)
            with guarded(), tracker:
                # As `generate` does, which copies all globals for each rendering.
                context = self._compiled.new_context({**self._globals, **values}, shared=True)
                try:
                    for block in self._compiled.root_render_func(context):
                        blocks.append(block)
                except Exception:
                    self._compiled.environment.handle_exception()
        except _TooLong:
            raise RenderError(f"{self.name}: did not end within {SECONDS:.0f} seconds") from None
        except MemoryError:
            raise RenderError(f"{self.name}: needs more memory than a template may have") from None
        except JobError:
            raise
        except Exception as error:  # a template can raise whatever Python's operators do
            line = _line_of(error)
            kind = "" if isinstance(error, TemplateError) else f"{type(error).__name__}: "
            unsafe = " (templates are run in a sandbox)" if isinstance(error, SecurityError) else ""
            raise RenderError(f"{self.name}{f':{line}' if line else ''}: {kind}{error}{unsafe}") from error
        return "".join(blocks), spans

    def seen(self, messages: list[Message]) -> list[Message]:
        """As templates see them: reasoning under the names that inference gives it."""
        return [_aliased(m) for m in messages]

    def _today(self, *_: object, **__: object) -> str:
        raise JobError(
            f"{self.name}: writes today's date ({TODAY}), so the model would be trained on other tokens each day, and "
            "asked with others than it was trained on",
            help='fix the date: today = "2025-06-30" in the template (or give the variable that the template takes '
            "instead of it, often date_string)",
        )


def read_template(
    folder: Path, spec: TemplateSpec | None, tokenizer: Any, dates: bool = True
) -> ChatTemplate:
    """The recipe's template, or the tokenizer's own, with the date that the recipe fixes. dates: see `ChatTemplate`.
    Raises JobError if there is none or it is not valid."""
    if spec is not None and spec.file is not None:
        name = spec.file
        try:
            source = (folder / spec.file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise JobError(f"{name}: the template cannot be read: {error}") from error
    else:
        name, source = "the tokenizer's chat template", tokenizer.chat_template
        if source is None:
            raise JobError(
                "the tokenizer has no chat template, and the stage names none",
                help=f"declare a template; these are shipped: {SHIPPED}",
            )
    # The special tokens are variables, as in tokenizer.apply_chat_template.
    variables = dict(tokenizer.special_tokens_map)
    if spec is not None and spec.end_of_turn is not None:
        variables["eos_token"] = spec.end_of_turn
    source = freeze_today(source, spec.today if spec else None)
    return ChatTemplate(name, source, {**variables, **(spec.kwargs if spec else {})}, dates)


def check_markers(template: ChatTemplate, job: PrepareJob) -> None:
    """Raises JobError if the loss needs to know what the assistant said and the template doesn't tell."""
    if (
        job.method in ("cpt", "sft")
        and job.loss_on in ("assistant", "last_turn")
        and not template.marks_generation
    ):
        raise JobError(
            f"{template.name}: has no {{% generation %}} markers, and loss_on = {job.loss_on} needs them to "
            "know what the assistant said",
            help="put {% generation %} before and {% endgeneration %} after the assistant's words and their "
            f"end-of-turn, use a shipped template ({SHIPPED}), or say loss_on = completion",
        )


def end_of_turn(spec: TemplateSpec | None, template: ChatTemplate | None, tokenizer: Any) -> str | None:
    """What ends a turn: as the recipe says, else the end-of-text token if the template writes it."""
    if spec is not None and spec.end_of_turn is not None:
        return spec.end_of_turn
    eos: str | None = tokenizer.eos_token
    if template is not None and eos and (eos in template.source or "eos_token" in template.source):
        return eos
    return None


def _aliased(message: Message) -> Message:
    """Reasoning under the names that inference gives it (`reasoning_content` and `thinking`)."""
    reasoning = next((message[key] for key in REASONING if key in message), None)
    return (
        message if reasoning is None else {"thinking": reasoning, **message, "reasoning_content": reasoning}
    )


def _guarded(context: Any, operator: str, left: Any, right: Any) -> Any:
    if operator == "**":
        if abs(left) > 1_000_000 or abs(right) > 64:
            raise SecurityError(f"{left} ** {right} is too large")
        return left**right
    if operator == "%":
        if isinstance(left, str) and _WIDE.search(left):
            raise SecurityError(f"the width in {left[:40]!r} is too large")
        return left % right
    for sequence, times in ((left, right), (right, left)):
        if hasattr(sequence, "__len__") and isinstance(times, int) and len(sequence) * times > LONGEST:
            raise SecurityError(f"a text or list of {len(sequence)} times {times} is too large")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > 4096:
        raise SecurityError("a number of more than 4096 bits is too large")
    return left * right


def _line_of(error: BaseException) -> int | None:
    """Line of the template where rendering failed."""
    frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<template>"]
    return frames[-1] if frames else getattr(error, "lineno", None)


class _TooLong(BaseException):
    pass


@contextmanager
def guarded() -> Iterator[None]:
    """Limits on time and memory while templates render. Setting them costs more than a rendering: whoever renders
    many conversations puts this around all of them, and the clock is only set again now and then."""
    global _armed
    if _armed is not None:
        if _armed and monotonic() - _armed > 1:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            _armed = monotonic()
        yield
        return
    with _time_limit(), _memory_limit():
        try:
            yield
        finally:
            _armed = None


_armed: float | None = None
"""When the clock was set; 0 where there is none, None outside of `guarded`."""


@contextmanager
def _time_limit() -> Iterator[None]:
    """Stops what takes longer than SECONDS. Signals reach only the main thread, where jobs run."""
    global _armed
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        _armed = 0.0
        yield
        return

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    _armed = monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _memory_limit() -> Iterator[None]:
    """Lets a template allocate MEMORY more than is in use, where the system can say and set that (Linux)."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + MEMORY
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
