"""The models under evaluation: their weights, tokenizers and templates."""

from __future__ import annotations

import gc
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from smolc.runtime.data.formats import Message
from smolc.runtime.data.template import ChatTemplate, RenderError, read_template
from smolc.runtime.data.tokenizer import load_tokenizer
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError, run_first
from smolc.runtime.jobs.evaluate import EvaluateJob, Generating, Judge, Subject
from smolc.runtime.jobs.prepare import TemplateSpec


@dataclass
class Prompting:
    """How a subject is prompted. origin: where the template is from, for people; None for `template` means
    plain text. end_text: the end-of-turn where it is no single token."""

    tokenizer: Any
    template: ChatTemplate | None
    origin: str
    end_of_turn: str | None

    @property
    def end_ids(self) -> set[int]:
        ids = self._end_of_turn_ids
        own = {self.tokenizer.eos_token_id} - {None}
        return own | (set(ids) if len(ids) == 1 else set())

    @property
    def end_text(self) -> str | None:
        return self.end_of_turn if len(self._end_of_turn_ids) > 1 else None

    @property
    def _end_of_turn_ids(self) -> list[int]:
        if self.end_of_turn is None:
            return []
        return list(self.tokenizer.encode(self.end_of_turn, add_special_tokens=False))


def promptings(context: Context, job: EvaluateJob) -> dict[str, Prompting]:
    """By subject. One without any chat template (an untouched base model) is prompted with that of another
    subject, so that all of them are asked the same; if none has one, with plain text. Raises JobError."""
    found = {subject.name: prompting_of(context, job, subject) for subject in job.subjects}
    donor = next((s for s in job.subjects if found[s.name].template is not None), None)
    for name, prompting in found.items():
        if prompting.template is not None:
            continue
        if donor is None:
            prompting.origin = "plain"
            continue
        given = found[donor.name]
        assert given.template is not None
        prompting.template = ChatTemplate(given.template.name, given.template.source, given.template.kwargs)
        prompting.origin = f"{given.origin}, as for {donor.name}"
        # The turn may end with what that tokenizer calls its end of text.
        prompting.end_of_turn = given.end_of_turn or given.tokenizer.eos_token
        print(f"{name} has no chat template of its own: prompted with {prompting.origin}")
    return found


def prompting_of(context: Context, job: Generating, one: Subject | Judge) -> Prompting:
    """With its own template only. Raises JobError, also if a stage is not asked in the template that it was trained on."""
    made_by = one.tokenizer if isinstance(one, Subject) else None
    at = _prepared(context, made_by) if made_by is not None else context.model_of(one.job)
    tokenizer = load_tokenizer(at, job.trust_remote_code)
    if one.template is not None and one.template.file is not None:
        origin = one.template.file
    elif tokenizer.chat_template is not None:
        origin = f"tokenizer of {made_by or one.name}"
    else:
        origin = ""
    template = read_template(context.folder, one.template, tokenizer) if origin else None
    if template is not None and made_by is not None:
        _as_trained(one.name, made_by, template, tokenizer)
    return Prompting(tokenizer, template, origin, one.template.end_of_turn if one.template else None)


PROBES: tuple[list[Message], ...] = (
    [{"role": "user", "content": "one"}],
    [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ],
)
"""Conversations by which templates are told apart."""


def _as_trained(name: str, data: str, template: ChatTemplate, tokenizer: Any) -> None:
    """The tokenizer that training left holds the template of the rows that were trained."""
    if tokenizer.chat_template is None or tokenizer.chat_template == template.source:
        return
    trained = ChatTemplate(f"tokenizer of {data}", tokenizer.chat_template, template.kwargs)
    for messages in PROBES:
        try:
            asked, learned = (t.render(messages, prompt=True)[0] for t in (template, trained))
        except RenderError:
            continue
        if asked != learned:
            raise JobError(
                f"{name} is asked in another chat template than it was trained on: it would see "
                f"{asked[-60:]!r}, and learned from {learned[-60:]!r}",
                help=f"its score would be wrong; {template.name} and the tokenizer that {data} left have to write the same",
            )


def _prepared(context: Context, job: str) -> ModelAt:
    folder = context.out_of(job) / "tokenizer"
    if not folder.is_dir():
        raise JobError(f"job {job} left no tokenizer", help=run_first(job))
    return ModelAt(str(folder.resolve()))


def device_of(job: Generating) -> torch.device:
    """Raises JobError if a GPU is asked for and there is none."""
    if job.device == "cuda" and not torch.cuda.is_available():
        raise JobError("device cuda: this machine has no GPU that torch can use", help='say device = "cpu"')
    name = "cuda" if torch.cuda.is_available() and job.device != "cpu" else "cpu"
    return torch.device(name)


def load_model(at: ModelAt, job: Generating, device: torch.device) -> Any:
    """In evaluation mode on `device`. Raises JobError."""
    return loaded(at, job.precision, job.trust_remote_code, device)


def loaded(at: ModelAt, precision: str, trust_remote_code: bool, device: torch.device | str) -> Any:
    """In evaluation mode on `device`. Raises JobError."""
    try:
        model = AutoModelForCausalLM.from_pretrained(
            at.source,
            revision=at.revision or "main",
            dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
            trust_remote_code=trust_remote_code,
            use_safetensors=True,
        )
        return model.to(device).eval()
    except torch.OutOfMemoryError as error:
        raise JobError(
            f"{at.source}: does not fit the GPU's memory", help='try precision = "bf16"'
        ) from error
    except Exception as error:  # damaged, missing, of an unknown kind: transformers raises many types
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise JobError(f"{at.source}: the model cannot be loaded: {reason}") from error


def end_ids_of(model: Any) -> set[int]:
    """The ids at which the model's own generation settings stop."""
    ids = model.generation_config.eos_token_id
    return set(ids) if isinstance(ids, list) else {ids} - {None}


def release() -> None:
    """Give the memory of a deleted model back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def described(spec: TemplateSpec | None, prompting: Prompting, example: str) -> dict[str, Any]:
    """What the results say about a subject's prompts."""
    kwargs = spec.kwargs if spec else {}
    source = prompting.template.source if prompting.template else ""
    return {
        "template": prompting.origin,
        "hash": hashlib.sha256(json.dumps([source, kwargs], sort_keys=True).encode()).hexdigest()[:16],
        "end_of_turn": prompting.end_of_turn or prompting.tokenizer.eos_token,
        "kwargs": kwargs,
        "example": example,
    }
