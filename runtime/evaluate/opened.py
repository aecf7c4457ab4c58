"""A model that is asked, from its weights to the answers of it that are kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.evaluate import Generating
from smolc.runtime.report.outputs import mapping

if TYPE_CHECKING:  # torch is behind it, and reads the environment
    from smolc.runtime.evaluate.generate import ChatModel


def set_environment(context: Context, models: Sequence[str], hub: bool) -> None:
    """What the libraries read when they are imported. Offline where neither models (ids of jobs) nor data (hub) come from
    a hub."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(name, "1")
    local_models = all("hub" not in mapping(context.result_of(m).get("model")) for m in models)
    if local_models and not hub:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)


def answers_of(context: Context) -> Path:
    """Where answers are kept, for all jobs of the compiled folder."""
    from smolc.runtime.evaluate.engines.cache import FOLDER

    folder = context.folder / "out" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def opened(
    context: Context,
    job: Generating,
    at: ModelAt,
    prompting: Any,
    thinking: tuple[str, str] | None,
    max_new: int,
) -> Iterator[ChatModel]:
    """A model, loaded, with the decoding that ends its turns (greedy, until it is told otherwise) and its answers of
    before; its engine is closed afterwards. `fingerprint` says of which weights it is. Raises JobError."""
    from smolc.runtime.evaluate.engines.cache import AnswerCache
    from smolc.runtime.evaluate.engines.fingerprint import fingerprint
    from smolc.runtime.evaluate.engines.start import start
    from smolc.runtime.evaluate.generate import ChatModel, Decoding
    from smolc.runtime.evaluate.subjects import device_of, end_ids_of, load_model, release

    folder = answers_of(context)
    release()  # of the model before this one: whoever had it open is through with it
    model = load_model(at, job, device_of(job))
    weights = fingerprint(at, model, folder)
    engine = start(job, at, model, prompting.tokenizer)
    kept = AnswerCache(folder, weights, engine.name)
    lm = ChatModel(model, prompting.tokenizer, prompting.template, job.batch, engine, kept)
    lm.fingerprint = weights
    lm.decoding = Decoding(
        temperature=0.0,
        top_p=1.0,
        max_new=max_new,
        end_ids=tuple(sorted(prompting.end_ids | end_ids_of(model))),
        end_text=prompting.end_text,
        thinking=thinking,
        seed=job.seed,
        tell=lambda _: None,
    )
    try:
        yield lm
    finally:
        engine.close()
