"""What a preparation starts from: sources, tokenizer, template, mask; and all of that as JSON, which names the tokens
that are made of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.contamination.problems import texts_of_evals
from smolc.runtime.data.decontaminate import Index
from smolc.runtime.data.encode import Encoder
from smolc.runtime.data.overlong import choices
from smolc.runtime.data.render import Mask, Renderer
from smolc.runtime.data.sources import Source, open_source
from smolc.runtime.data.template import ChatTemplate, check_markers, end_of_turn, read_template
from smolc.runtime.data.tokenizer import load_tokenizer, single_token
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import PAIRED, Fit, Mapped, PlainText, PrepareJob, SourceSpec, Take


@dataclass
class Setting:
    """template, renderer: None where all sources are documents. inputs: for each source. shelf: the folder of all
    tokens."""

    sources: list[Source]
    tokenizer: Any
    template: ChatTemplate | None
    renderer: Renderer | None
    encoder: Encoder
    end_text: str | None
    index: Index | None
    inputs: list[dict[str, Any]]
    shelf: Path


def settle(context: Context, job: PrepareJob) -> Setting:
    """Raises JobError for what can be known before any row is read."""
    if isinstance(job.length, Fit) and job.length.quantile < 1 and job.overlong == "error":
        raise JobError(
            f"a length that {job.length.quantile * 100:.4g}% of the rows fit into leaves others out, and overlong = error "
            "ends the run at the first of them",
            help=f"say overlong = {choices(job.method not in ('cpt', 'sft'))}, or length = fit(100%)",
        )
    sources = [open_source(spec.name, spec.location, context) for spec in job.sources]
    tokenizer = load_tokenizer(context.model_of(job.model), job.trust_remote_code)
    template, mask, encoder = encoder_of(context, job, tokenizer)
    index = None
    if job.decontaminate is not None:
        index = Index.build(texts_of_evals(context, job.decontaminate.against), job.decontaminate.ngram)
    inputs = [
        _inputs(spec, source, job, encoder, template, mask, index)
        for spec, source in zip(job.sources, sources, strict=True)
    ]
    return Setting(
        sources,
        tokenizer,
        template,
        encoder.renderer,
        encoder,
        mask.end,
        index,
        inputs,
        context.folder / "out" / ".tokens",
    )


def encoder_of(
    context: Context, job: PrepareJob, tokenizer: Any
) -> tuple[ChatTemplate | None, Mask, Encoder]:
    """What makes tokens of examples. template: None where all sources are documents. Raises JobError."""
    template = None if all(_documents(spec) for spec in job.sources) else _template(context, job, tokenizer)
    end_text = end_of_turn(job.template, template, tokenizer)
    end = single_token(tokenizer, end_text) if end_text is not None else None
    mask = Mask(job.loss_on, job.roles, _thinking(job), end_text)
    renderer = Renderer(template, mask) if template is not None else None
    return template, mask, Encoder(tokenizer, renderer, end)


def _documents(spec: SourceSpec) -> bool:
    return isinstance(spec.format, PlainText) or (
        isinstance(spec.format, Mapped) and spec.format.text is not None
    )


def _template(context: Context, job: PrepareJob, tokenizer: Any) -> ChatTemplate:
    template = read_template(context.folder, job.template, tokenizer, dates=False)
    check_markers(template, job)
    return template


def _thinking(job: PrepareJob) -> tuple[str, str] | None:
    """Tags around what is not trained."""
    if job.thinking:
        return None
    if job.template is None or job.template.thinking is None:
        raise JobError(
            "thinking = false needs to know where thoughts begin and end",
            help='say so in the template: thinking = tags("<think>", "</think>")',
        )
    return job.template.thinking


def _inputs(
    spec: SourceSpec,
    source: Source,
    job: PrepareJob,
    encoder: Encoder,
    template: ChatTemplate | None,
    mask: Mask,
    index: Index | None,
) -> dict[str, Any]:
    """All that shapes the tokens of a source. What comes after them (length, mixture, packing) is not in it."""
    said: dict[str, Any] = {
        "version": job.version,
        "rows": source.identity(),
        "format": spec.format.model_dump(by_alias=True),
        "where": spec.where.model_dump(by_alias=True) if spec.where is not None else None,
        "system": spec.system,
        "bad_rows": spec.bad_rows,
        "made_for": "pairs"
        if job.method in PAIRED
        else "judged answers"
        if job.method == "kto"
        else "documents",
        "tokenizer": {"sha256": encoder.tokens.sha256, "end_of_text": encoder.tokenizer.eos_token},
    }
    if isinstance(spec.weight, Take) and spec.weight.tokens is None:
        said["take"] = {
            "fraction": spec.weight.fraction,
            "rows": spec.weight.rows,
            "seed": None if spec.streamed else job.seed,
        }
    if template is not None:
        said["template"] = {
            "name": template.name,
            "sha256": _sha256(template.source),
            "variables": {key: str(value) for key, value in sorted(template.kwargs.items())},
        }
        said["mask"] = {
            "loss_on": mask.loss_on,
            "roles": list(mask.roles),
            "thinking_left_out": list(mask.thinking) if mask.thinking else None,
            "end_of_turn": mask.end,
        }
    if job.method in (*PAIRED, "kto"):
        said["judged"] = True
    if job.dedup is not None and job.dedup.type == "near":
        said["signatures"] = True
    if index is not None:
        said["decontaminate"] = index.identity()
    return said


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
