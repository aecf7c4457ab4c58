"""Chat templates of a recipe: their text, and how jobs refer to them."""

from __future__ import annotations

import stat
from functools import cache
from pathlib import Path
from typing import Any

import smolc.templates
from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.model.merge import behind
from smolc.compiler.model.methods import Sft
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Template
from smolc.compiler.plan.defaults import END_OF_TURN
from smolc.compiler.plan.paths import located
from smolc.compiler.resolve import Resolved

LARGEST = 1 << 20
SHIPPED = Path(smolc.templates.__file__).parent / "chat"


@cache
def _shipped(name: str) -> str:
    return (SHIPPED / f"{name}.jinja").read_text(encoding="utf-8")


def text_of(template: Template, resolved: Resolved) -> tuple[str | None, Diagnostic | None]:
    """The template's text (None if the tokenizer's own is used), or why it cannot be read."""
    if template.builtin is not None:
        return _shipped(template.builtin), None
    if template.text is not None or template.file is None:
        return template.text, None
    path = located(resolved, template.file, template.span_of("file"))
    try:
        about = path.stat()
        # Opening a pipe would wait for whoever writes to it; a device may never end.
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
            raise ValueError("it is not a regular file")
        if about.st_size > LARGEST:
            raise ValueError("it is larger than 1 MiB")
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n"), None
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError as error:
        reason = str(error)
    message = f"cannot read the template `{template.file}`: {reason}"
    return None, Diagnostic("C032", "unreadable-template", Severity.ERROR, message, template.span_of("file"))


def spec(name: str | None, recipe: Recipe, has_file: bool) -> dict[str, Any]:
    """How a job refers to template `name`; None is the tokenizer's own."""
    if name is None:
        return {"file": None, "end_of_turn": None, "thinking": None, "kwargs": {}, "today": None}
    template = recipe.templates[name]
    kwargs = {} if template.enable_thinking is None else {"enable_thinking": template.enable_thinking}
    return {
        "file": f"templates/{name}.jinja" if has_file else None,
        "end_of_turn": template.end_of_turn or END_OF_TURN.get(template.builtin or ""),
        "thinking": [template.thinking.open, template.thinking.close] if template.thinking else None,
        "kwargs": kwargs,
        "today": template.today,
    }


def untagged(stage: Stage, spec: dict[str, Any] | None) -> Diagnostic | None:
    """Why a stage that leaves thinking out of its loss cannot tell it from the rest, if so. spec: of its template."""
    method = stage.method
    if not isinstance(method, Sft) or method.thinking or (spec is not None and spec["thinking"] is not None):
        return None
    return Diagnostic(
        "C035",
        "thinking-without-tags",
        Severity.ERROR,
        "the template does not say what stands around thinking, so that it cannot be left out of the loss",
        method.span_of("thinking"),
        help='add `thinking = tags("<think>", "</think>")` to its `template` block',
    )


def template_of(stage: Stage, recipe: Recipe) -> str | None:
    """The stage's template, or that of the stage it starts from."""
    seen: set[str] = set()
    before = behind(stage.init.name, recipe)
    while stage.template is None and before in recipe.stages and before not in seen:
        seen.add(before)
        stage = recipe.stages[before]
        before = behind(stage.init.name, recipe)
    return stage.template.name if stage.template else None


def model_of(stage: Stage, recipe: Recipe) -> str:
    """Label of the model that a stage goes back to; through a merge to the one whose tokenizer that has."""
    while (before := behind(stage.init.name, recipe)) in recipe.stages:
        stage = recipe.stages[before]
    return before


def templates_of(body: dict[str, Any]) -> list[str]:
    """Chat templates that a body refers to: its own, and those of the models that it asks."""
    judges = [place["judge"] for place in (body, body.get("by", {})) if place.get("judge")]
    prompted = [*body.get("subjects", ()), *([body["subject"]] if "subject" in body else []), *judges]
    specs = [body.get("template"), *(one["template"] for one in prompted)]
    return [spec["file"] for spec in specs if spec and spec["file"]]
