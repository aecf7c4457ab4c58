"""`kind: merge`: what goes in, the checks, then the merged model, a shard at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from smolc.runtime.evaluate.checkpoints import CONVERTED, checkpoints_of, forget, trained_by, weights_of
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.disk import told
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.merge import Input, Linear, MergeJob, Slerp
from smolc.runtime.merge.arithmetic import arc_weights, mean, weighted
from smolc.runtime.merge.compare import Candidate, check_configs, check_tokenizers, common_names
from smolc.runtime.merge.weights import DTYPES, FLOATS, Weights
from smolc.runtime.train.environment import prepare_environment

SHARD = 2 * 10**9
"""Bytes of a file of weights at most, but for a single larger tensor; so much is held in memory."""

FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "*.model", "*.tiktoken", "chat_template.jinja",
    "chat_template.json", "additional_chat_templates/*.jinja",
)  # fmt: skip
"""What makes a model of weights. Other files of a user's folder, such as an adapter's, would be loaded with it."""

SHORT = {"F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16"}


def run(context: Context) -> None:
    """Raises JobError for what the user can mend."""
    job = context.job
    assert isinstance(job, MergeJob)
    prepare_environment()
    try:
        with told(context.folder / "out"):
            _run(context, job)
    finally:
        forget(context)


def _run(context: Context, job: MergeJob) -> None:
    named = {one.name: Candidate(one.name, _folder(context, one)) for one in job.inputs}
    models = list(_with_checkpoints(context, job, named)) if job.checkpoints else list(named.values())
    like = named[job.like]
    check_configs(models, job.trust_remote_code)
    # A checkpoint is of the run whose tokenizer its stage has.
    check_tokenizers([like, *(one for one in named.values() if one is not like)], job.trust_remote_code)
    with ExitStack() as opened:
        inputs = [Weights(one.name, one.folder, opened) for one in models]
        pattern = inputs[models.index(like)]
        names = common_names(inputs, pattern, _tied(like.folder, job.trust_remote_code))
        into = context.out / "model"
        shutil.rmtree(into, ignore_errors=True)  # shards of an earlier one would be found beside these
        into.mkdir(parents=True)
        merging = _Merging(context, job, inputs, pattern, names)
        merging.write(into)
    _copy(like.folder, into, job.trust_remote_code)
    context.write_result(_result(job, models, merging))
    print(merging.said(models), flush=True)


def _folder(context: Context, one: Input) -> Path:
    """Of an input on this machine; what is from the hub was downloaded by the job that names it."""
    at: ModelAt = context.model_of(one.job)
    if context.result_of(one.job).get("diverged"):
        raise JobError(
            f"`{one.name}` diverged, and its weights are of no use", help="take it out of the merge"
        )
    if Path(at.source).is_dir():
        return Path(at.source)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(at.source, revision=at.revision, local_files_only=True))
    except (OSError, ValueError) as error:
        raise JobError(
            f"`{one.name}`: {at.source} is not in the hub's cache on this machine any more",
            help=f"download it again: delete out/{one.job} and run",
        ) from error


def _with_checkpoints(context: Context, job: MergeJob, named: dict[str, Candidate]) -> Iterator[Candidate]:
    """The inputs, and after each the checkpoints that it kept. Raises JobError if one cannot be loaded."""
    count = 0
    for one in job.inputs:
        yield named[one.name]
        count += 1
        trained = trained_by(context, one.job)
        if trained is None:
            continue
        kept = checkpoints_of(context, trained)
        if not kept:
            print(f"{one.name}: no checkpoints are kept from before its last step")
        for checkpoint in kept:
            name = f"{one.name}@{checkpoint.step}"
            at = weights_of(context, checkpoint, context.out / CONVERTED / name)
            yield Candidate(name, Path(at.source))
            count += 1
    if count < 2:
        raise JobError(
            f"no checkpoints were kept that `{job.inputs[0].name}` could be merged with",
            help="a stage writes them with `save_every`, and keeps the newest `keep`; if they were deleted since, "
            f"smolc run RECIPE --fresh {job.inputs[0].job} makes them again",
        )


def _tied(folder: Path, trust_remote_code: bool) -> bool:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=trust_remote_code).get_text_config()
    return bool(getattr(config, "tie_word_embeddings", False))


class _Merging:
    """Tensor by tensor. In memory are one tensor of each input (mapped from its file), a block of sums, and the shard that
    is being written."""

    def __init__(
        self,
        context: Context,
        job: MergeJob,
        inputs: Sequence[Weights],
        like: Weights,
        names: list[str],
    ) -> None:
        self.context, self.job = context, job
        self.inputs, self.like, self.names = inputs, like, names
        self.parameters = sum(like.headers[name].size for name in names)
        self.arcs = self.lines = 0

    def write(self, folder: Path) -> None:
        """Shards and their index, named as transformers names them."""
        from huggingface_hub import split_torch_state_dict_into_shards
        from safetensors.torch import save_file

        plan = split_torch_state_dict_into_shards(
            {
                name: torch.empty(self.like.headers[name].shape, dtype=self.dtype(name), device="meta")
                for name in self.names
            },
            max_shard_size=SHARD,
            filename_pattern="model{suffix}.safetensors",
        )
        done = 0
        for file, names in plan.filename_to_tensors.items():
            shard = {name: self.merged(name) for name in names}
            save_file(shard, folder / file, metadata={"format": "pt"})
            done += sum(tensor.numel() for tensor in shard.values())
            del shard
            self.context.progress(done / 1e6, self.parameters / 1e6, "M", file)
        if plan.is_sharded:
            index = {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename}
            text = json.dumps(index, indent=2, sort_keys=True) + "\n"
            (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")

    def dtype(self, name: str) -> torch.dtype:
        return DTYPES[self.like.headers[name].dtype]

    def merged(self, name: str) -> torch.Tensor:
        """Raises JobError for numbers that are none, and for whole numbers that differ."""
        tensors, dtype = [one[name] for one in self.inputs], self.dtype(name)
        if dtype not in FLOATS:
            self._same(name, tensors)
            return tensors[0].to(dtype).contiguous()
        out = self._put_together(tensors, dtype)
        if not bool(torch.isfinite(out).all()):
            self._not_finite(name, tensors)
        return out

    def _put_together(self, tensors: list[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
        method = self.job.method
        if isinstance(method, Linear):
            return weighted(tensors, method.weights, dtype)
        if not isinstance(method, Slerp):
            return mean(tensors, dtype)
        first, second = tensors
        found = arc_weights(first, second, method.at)
        self.lines += found is None
        self.arcs += found is not None
        return weighted(tensors, found or (1 - method.at, method.at), dtype)

    def _same(self, name: str, tensors: list[torch.Tensor]) -> None:
        for model, tensor in zip(self.inputs[1:], tensors[1:], strict=True):
            if not torch.equal(tensors[0], tensor):
                raise JobError(
                    f"{name} holds whole numbers, which cannot be averaged, and they differ in "
                    f"`{self.inputs[0].name}` and `{model.name}`"
                )

    def _not_finite(self, name: str, tensors: list[torch.Tensor]) -> None:
        for model, tensor in zip(self.inputs, tensors, strict=True):
            if not bool(torch.isfinite(tensor).all()):
                raise JobError(
                    f"`{model.name}`: {name} holds NaN or infinity, and so would the merged model",
                    help="the run that made it broke down; take it out of the merge",
                )
        kind = SHORT.get(self.like.headers[name].dtype)
        raise JobError(
            f"{name}: the merged numbers are too large for {kind}, which `{self.like.name}` is written in",
            help="write weights that add up to 1, or `like` an input in another number format",
        )

    @property
    def kind(self) -> str:
        """The number format of most of the weights."""
        sizes: dict[str, int] = {}
        for name in self.names:
            header = self.like.headers[name]
            sizes[header.dtype] = sizes.get(header.dtype, 0) + header.size
        found = max(sizes, key=sizes.__getitem__)
        return SHORT.get(found, found)

    def said(self, models: Sequence[Candidate]) -> str:
        size = f"{len(self.names):,} tensors, {self.parameters:,} parameters in {self.kind}"
        if isinstance(self.job.method, Slerp):
            size += f"; {self.arcs:,} tensors along the arc, {self.lines:,} that are parallel along the line"
        return f"merged {', '.join(one.name for one in models)}: {size}"


def _copy(like: Path, into: Path, code: bool) -> None:
    """Everything but the weights. code: Python files, too, which the recipe allows to run."""
    for pattern in (*FILES, *(("*.py",) if code else ())):
        for path in sorted(like.glob(pattern)):
            target = into / path.relative_to(like)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)


def _result(job: MergeJob, models: Sequence[Candidate], merging: _Merging) -> dict[str, Any]:
    result: dict[str, Any] = {
        "model": {"out": f"{job.id}/model"},
        "method": job.method.type,
        "like": job.like,
        "parameters": merging.parameters,
        "tensors": len(merging.names),
        "dtype": merging.kind,
    }
    weights: Sequence[float] = (1 / len(models),) * len(models)
    if isinstance(job.method, Linear):
        weights = job.method.weights
    elif isinstance(job.method, Slerp):
        weights = (1 - job.method.at, job.method.at)
        result |= {"at": job.method.at, "arcs": merging.arcs, "lines": merging.lines}
    merged = [{"name": one.name, "weight": weight} for one, weight in zip(models, weights, strict=True)]
    return result | {"merged": merged}
