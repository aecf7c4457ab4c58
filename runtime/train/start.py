"""`kind: model`: make the start model available."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smolc.runtime.data.tokenizer import load_tokenizer
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.model import (
    BytesTokenizer,
    GgufModel,
    HubModel,
    ModelJob,
    OwnTokenizer,
    PathModel,
    ScratchModel,
)
from smolc.runtime.jobs.patterns import matching
from smolc.runtime.train.environment import prepare_environment

# What loads a model, and nothing else that a repository may hold, such as other formats of its weights.
TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")
HUB_FILES = (*TOKENIZER_FILES, "*.safetensors")


def run(context: Context) -> None:
    """Raises JobError for what the user can mend."""
    job = context.job
    assert isinstance(job, ModelJob)
    prepare_environment()
    source = job.source
    if isinstance(source, ScratchModel):
        result = from_scratch(context, job, source)
    elif isinstance(source, GgufModel):
        result = from_gguf(context, job, source)
    elif isinstance(source, PathModel):
        result = from_path(context, job, source)
    else:
        result = from_hub(job, source)
    context.write_result({**result, "dtype": job.dtype})


def from_scratch(context: Context, job: ModelJob, source: ScratchModel) -> dict[str, Any]:
    from smolc.runtime.train.scratch import scratch_model

    tokenizer = _scratch_tokenizer(context, job, source)
    model = scratch_model(source, tokenizer, job.seed, _dtype(job))
    return _save(context, job, model, tokenizer)


def _scratch_tokenizer(context: Context, job: ModelJob, source: ScratchModel) -> Any:
    from smolc.runtime.train.scratch import bytes_tokenizer

    if isinstance(job.tokenizer, OwnTokenizer):
        raise JobError(
            "a model from scratch has no tokenizer of its own",
            help='write tokenizer = bytes(special = ["<pad>", "<eos>"])',
        )
    if isinstance(job.tokenizer, BytesTokenizer):
        return bytes_tokenizer(job.tokenizer.special, source.context)
    return other_tokenizer(context, job)


def only_tokenizer(context: Context, job: ModelJob) -> Any:
    """The tokenizer that the start model will have; no weights are read or downloaded. Raises JobError."""
    source = job.source
    if isinstance(source, ScratchModel):
        return _scratch_tokenizer(context, job, source)
    if isinstance(source, GgufModel) and not isinstance(job.tokenizer, OwnTokenizer):
        return other_tokenizer(context, job)
    if isinstance(source, GgufModel):
        return _gguf_tokenizer(_gguf_file(context, source))
    if isinstance(source, PathModel):
        _need_own_tokenizer(job, "path")
        at = ModelAt(str(_folder(context, source.path)))
    else:
        _need_own_tokenizer(job, "hub")
        at = ModelAt(_download(job, source, TOKENIZER_FILES))
    return load_tokenizer(at, job.trust_remote_code)


def from_gguf(context: Context, job: ModelJob, source: GgufModel) -> dict[str, Any]:
    """Dequantise to the job's dtype. The GGUF file carries the tokenizer."""
    from transformers import AutoModelForCausalLM, GgufConfig

    file = _gguf_file(context, source)
    context.user_file(f"{source.path}/{source.file}")
    with _as_gguf(file):
        model = AutoModelForCausalLM.from_pretrained(
            str(file.parent),
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=_dtype(job),
        )
    own = isinstance(job.tokenizer, OwnTokenizer)
    tokenizer = _gguf_tokenizer(file) if own else other_tokenizer(context, job)
    return _save(context, job, model, tokenizer)


def _gguf_file(context: Context, source: GgufModel) -> Path:
    folder = _folder(context, source.path)
    file = folder / source.file
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        raise JobError(f"{source.path}/{source.file}: no such file", help=f"looked for {file}")
    return file


def _gguf_tokenizer(file: Path) -> Any:
    from transformers import AutoTokenizer

    with _as_gguf(file):
        return AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)


@contextmanager
def _as_gguf(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise JobError(f"{file.name}: cannot be read as a GGUF model: {_first_line(error)}") from error


def from_path(context: Context, job: ModelJob, source: PathModel) -> dict[str, Any]:
    """Checked, and left where it is."""
    folder = _folder(context, source.path)
    if not (folder / "config.json").is_file():
        raise JobError(
            f"{source.path}: no config.json, so not a model in transformers' format",
            help=f"looked in {folder}",
        )
    _need_own_tokenizer(job, "path")
    context.user_file(f"{source.path}/config.json")
    for weights in sorted(folder.glob("*.safetensors")):
        context.user_file(f"{source.path}/{weights.name}")
    _record_tokenizer(context, source.path)
    return {"model": {"root": source.path}, **_described(str(folder), None, job)}


def from_hub(job: ModelJob, source: HubModel) -> dict[str, Any]:
    """Downloaded into the hub's cache before any training process needs it; offline, looked up there."""
    _need_own_tokenizer(job, "hub")
    folder = _download(job, source, HUB_FILES)
    # The cache keeps each commit in a folder of its name: later jobs read this one even if `main` moves on.
    return {"model": {"hub": source.id, "revision": Path(folder).name}, **_described(folder, None, job)}


def _download(job: ModelJob, source: HubModel, files: tuple[str, ...]) -> str:
    """The folder in the hub's cache with the repository's `files`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    patterns = [*files, "*.py"] if job.trust_remote_code else list(files)
    name = f"{source.id}@{source.revision}" if source.revision else source.id
    try:
        return str(snapshot_download(source.id, revision=source.revision, allow_patterns=patterns))
    except GatedRepoError as error:
        raise JobError(
            f"{name}: access is restricted", help="ask for access on its page, then log in: hf auth login"
        ) from error
    except RevisionNotFoundError as error:
        raise JobError(f"{source.id} has no revision {source.revision}") from error
    except RepositoryNotFoundError as error:
        raise JobError(
            f"{source.id}: no such model on the hub, or it is private",
            help="log in to private ones: hf auth login",
        ) from error
    except LocalEntryNotFoundError as error:
        raise JobError(
            f"{name}: not in the local cache, and the hub cannot be reached",
            help="unset HF_HUB_OFFLINE if you have a network, or download it elsewhere and write path = ...",
        ) from error
    except HFValidationError as error:
        raise JobError(
            f"{source.id!r} is not the name of a model on the hub", help='write hub = "owner/name"'
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise JobError(f"{name}: cannot be downloaded: {_first_line(error)}") from error


def other_tokenizer(context: Context, job: ModelJob) -> Any:
    from transformers import AutoTokenizer

    spec = job.tokenizer
    if isinstance(spec, (OwnTokenizer, BytesTokenizer)):
        raise JobError(
            "this kind of start model cannot take a bytes tokenizer", help="leave the tokenizer out"
        )
    source = spec.id
    if spec.type == "path":
        source = str(_folder(context, spec.id))
        _record_tokenizer(context, spec.id)
    try:
        return AutoTokenizer.from_pretrained(
            source, revision=spec.revision or "main", trust_remote_code=job.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise JobError(f"{spec.id}: no tokenizer could be loaded: {_first_line(error)}") from error


def _need_own_tokenizer(job: ModelJob, kind: str) -> None:
    """Other tokens for trained embeddings would be noise."""
    if not isinstance(job.tokenizer, OwnTokenizer):
        raise JobError(
            f"a model from a {kind} comes with its tokenizer and cannot take another",
            help="leave the tokenizer out",
        )


def _folder(context: Context, relative: str) -> Path:
    path = context.folder / context.manifest.root / relative
    if not path.is_dir():
        raise JobError(f"{relative}: no such folder", help=f"looked for {path.resolve()}")
    return path


def _record_tokenizer(context: Context, relative: str) -> None:
    """What a folder's tokenizer and chat template are made of: a changed, new or vanished file makes the job run
    again."""
    for pattern in (f"{relative}/{name}" for name in TOKENIZER_FILES):
        names = matching(context.folder / context.manifest.root, pattern)
        context.inputs[pattern] = {"matches": names}
        for name in names:
            context.user_file(name)


def _dtype(job: ModelJob) -> Any:
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[job.dtype]


def _save(context: Context, job: ModelJob, model: Any, tokenizer: Any) -> dict[str, Any]:
    folder = context.out / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"model": {"out": f"{job.id}/model"}, **_described(str(folder), model, job)}


def _described(folder: str, model: Any | None, job: ModelJob) -> dict[str, Any]:
    """Architecture and sizes; without a loaded model from the files' headers alone."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    if config.get("auto_map") and not job.trust_remote_code and not _is_known(config.get("model_type")):
        raise JobError(
            "this model brings its own code, which the recipe does not allow to run",
            help="read that code, then write trust_remote_code = true",
        )
    count = sum(p.numel() for p in model.parameters()) if model is not None else count_stored(Path(folder))
    text = config.get("text_config") or config
    return {
        "parameters": count,
        "vocabulary": text.get("vocab_size"),
        "architecture": (config.get("architectures") or ["unknown"])[0],
        "context": text.get("max_position_embeddings"),
    }


def _is_known(model_type: str | None) -> bool:
    """Whether transformers has an implementation of its own; it then ignores the repository's code."""
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING


def count_stored(folder: Path) -> int:
    """Parameters in a folder's safetensors files, by their headers. Raises JobError if there are none."""
    from safetensors import SafetensorError, safe_open

    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise JobError(
            f"{folder.name}: no weights as safetensors", help="other formats may run code when they are read"
        )
    total = 0
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118
                    size = 1
                    for n in file.get_slice(name).get_shape():
                        size *= n
                    total += size
        except (SafetensorError, OSError) as error:
            raise JobError(f"{path.name}: damaged, or not safetensors: {_first_line(error)}") from error
    return total


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
