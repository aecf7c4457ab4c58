"""`kind: generate`: a model answers prompts."""

from __future__ import annotations

import json
import statistics
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from smolc.runtime.evaluate.meter import Meter
from smolc.runtime.evaluate.opened import opened, set_environment
from smolc.runtime.generate.fit import LISTED, fitting
from smolc.runtime.generate.prompts import Found, Prompt, prompts_of
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.generate import GenerateJob
from smolc.runtime.jobs.prepare import HubData

FILE = "answers.jsonl"


def run(context: Context) -> None:
    """Write `answers.jsonl`, `dropped.jsonl` and `result.json`. Raises JobError."""
    job: GenerateJob = context.job  # type: ignore[assignment]
    hub = any(isinstance(source.location, HubData) for source in job.prompts)
    set_environment(context, [job.subject.job], hub)
    found = prompts_of(context, job.prompts, job.subset, job.seed)
    from smolc.runtime.evaluate.checkpoints import forget

    try:
        _answered(context, job, found)
    finally:
        forget(context)


@dataclass
class _Request:
    """As ChatModel reads one: a prompt, and how it is answered."""

    args: tuple[str, dict[str, Any]]


def _answered(context: Context, job: GenerateJob, found: Found) -> None:
    import torch

    from smolc.runtime.evaluate.subjects import described, prompting_of

    at = model_at(context, job)
    prompting = prompting_of(context, job, job.subject)
    if prompting.template is None:
        prompting.origin = "plain"
        print(f"{job.subject.name} has no chat template: it is given the plain text of the prompts")
    start = time.monotonic()
    with opened(context, job, at, prompting, job.thinking, job.decode.max_new) as lm:
        prompts, texts = fitting(context, found, job.prompts, lm)
        meter = Meter(context, 1)
        lm.decoding = replace(
            lm.decoding,
            temperature=job.decode.temperature,
            top_p=job.decode.top_p,
            # Another seed in the recipe gives other answers; another name of the block does not.
            seed=zlib.crc32(f"{job.seed} answers".encode()),
            tell=meter.start(f"{job.subject.name} answers", len(texts) * job.samples),
        )
        requests = [_Request((text, {})) for text in texts for _ in range(job.samples)]
        try:
            answers = lm.generate_until(requests)
        except torch.OutOfMemoryError as error:
            raise JobError("out of memory", help="write batch = 8, say, or a smaller max_new") from error
        engine = {"name": lm.engine.name, "version": lm.engine.version}
        weights, cached, specials = lm.fingerprint, lm.cached, lm.specials
    meter.finish()
    specials = [s for s in specials if s not in (job.thinking or ())]
    unfit = len(found.prompts) - len(prompts)
    _write(context, _lines(prompts, answers, job.samples, specials))
    result = {
        "prompts": len(prompts),
        "rows": found.rows,
        "duplicates": found.duplicates,
        "bad_rows": found.bad,
        "unfit": unfit,
        **_counted(answers),
        "cached": cached,
        "seconds": round(time.monotonic() - start, 3),
        "engine": engine,
        "weights": weights,
        "prompted": described(job.subject.template, prompting, texts[0]),
        "decode": job.decode.model_dump(),
        "samples": job.samples,
        "seed": job.seed,
        "checkpoint": job.checkpoint,
    }
    context.write_result(result)
    unfinished = f", {result['unfinished']:,} of them cut off" if result["unfinished"] else ""
    out = [f"{n:,} {what}" for n, what in ((found.bad, "bad rows"), (unfit, "prompts")) if n]
    left = f"; left out: {' and '.join(out)} ({LISTED})" if out else ""
    print(
        f"{len(answers):,} answers to {len(texts):,} prompts{unfinished}; {cached:,} were there before{left}"
    )


def model_at(context: Context, job: GenerateJob) -> ModelAt:
    """The model that answers: of the subject's job, or of a checkpoint that it kept. Raises JobError."""
    from smolc.runtime.evaluate.checkpoints import CONVERTED, checkpoints_of, trained_by, weights_of

    if context.result_of(job.subject.job).get("diverged"):
        raise JobError(
            f"{job.subject.name} diverged: there is no model to answer", help="lower its learning rate"
        )
    if job.checkpoint is None:
        return context.model_of(job.subject.job)
    trained = trained_by(context, job.subject.job)
    if trained is None:
        raise JobError(f"{job.subject.name} is a model, and keeps no checkpoints")
    if context.result_of(trained).get("steps") == job.checkpoint:
        return context.model_of(trained)
    kept = {one.step: one for one in checkpoints_of(context, trained)}
    if job.checkpoint not in kept:
        there = ", ".join(map(str, kept)) or "none"
        raise JobError(
            f"{trained} kept no checkpoint of step {job.checkpoint}; kept are those of: {there}",
            help="a stage writes them with save_every, and keeps the newest `keep`; if they were deleted since, "
            f"smolc run RECIPE --fresh {trained} makes them again",
        )
    one = kept[job.checkpoint]
    return weights_of(context, one, context.out / CONVERTED / f"{job.subject.name}@{one.step}")


def _lines(prompts: list[Prompt], answers: list[Any], samples: int, specials: list[str]) -> Iterator[str]:
    for i, answer in enumerate(answers):
        prompt = prompts[i // samples]
        whole = answer.raw
        for special in specials:
            whole = whole.replace(special, "")
        said = {
            "source": prompt.source,
            "place": prompt.place,
            "sample": i % samples,
            "prompt": prompt.messages,
            "answer": whole,
            "final": str(answer),
            "tokens": answer.tokens,
            "stopped": answer.stopped,
            "unterminated": answer.unterminated,
        }
        yield json.dumps(said, ensure_ascii=False) + "\n"


def _write(context: Context, lines: Iterator[str]) -> None:
    """Whole, or not at all."""
    partial = context.out / f".{FILE}"
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    partial.replace(context.out / FILE)


def _counted(answers: list[Any]) -> dict[str, Any]:
    """tokens: of an answer, the median and what 90% fit into, and of all."""
    tokens = sorted(answer.tokens for answer in answers)
    return {
        "answers": len(answers),
        "unfinished": sum(not answer.stopped for answer in answers),
        "unterminated": sum(answer.unterminated for answer in answers),
        "empty": sum(not answer.raw.strip() for answer in answers),
        "tokens": {
            "median": statistics.median_low(tokens),
            "p90": tokens[min(len(tokens) - 1, int(0.9 * len(tokens)))],
            "total": sum(tokens),
        },
    }
