"""Putting together what is pushed: the files that a model consists of, its card, and no trace of this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from smolc.runtime.card.facts import Folder
from smolc.runtime.card.metadata import adapter_base
from smolc.runtime.card.write import NAME, card
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.model import HubModel, ModelJob
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.publish.ready import Publish, part_of, place
from smolc.runtime.report.collect import JobView

FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
)
"""What is pushed; whatever else lies in the folder stays here."""

_LOCAL = ("_name_or_path", "name_or_path", "is_local", "local_files_only")
"""Keys by which transformers notes where something was loaded from."""

_READ = ("*.md", "*.jinja", "config.json", "*_config.json")
_TOKEN = re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}")


def stage(folder: Folder, view: JobView, publish: Publish, token: str | None) -> Path:
    """A folder with exactly what is pushed; weights are linked, not copied. Raises JobError if something in it is nobody
    else's business, or if it could not be loaded elsewhere."""
    made = place(folder.path, publish)
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for path in sorted((view.out / part_of(publish)).iterdir()):
        if path.is_file() and not path.is_symlink() and _wanted(path.name, view):
            _link(path, made / path.name)
    if not list(made.glob("*.safetensors")):
        raise JobError(f"{view.out / part_of(publish)} has no weights", help="run its job again")
    for name in ("config.json", "tokenizer_config.json", "adapter_config.json"):
        if (made / name).is_file():
            _rewrite(made / name, _base(folder, view) if name == "adapter_config.json" else {})
    text = card(folder, view, publish.weights, folder.publishes[publish.name])
    (made / NAME).write_text(text, encoding="utf-8", newline="\n")
    _check(made, folder.path, token)
    return made


def _wanted(name: str, view: JobView) -> bool:
    # A model that runs code of its own does not load without.
    own_code = isinstance(view.job, TrainJob) and view.job.trust_remote_code
    return any(fnmatch(name, pattern) for pattern in (*FILES, *(["*.py"] if own_code else [])))


def _link(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(path, to)


def _rewrite(path: Path, more: dict[str, Any]) -> None:
    """A new file: the one in the model's folder is linked, and stays as it is."""
    content = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in content.items() if key not in _LOCAL}
    path.unlink()
    path.write_text(json.dumps(kept | more, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _base(folder: Folder, view: JobView) -> dict[str, Any]:
    """Where others find the model that an adapter is added to. Raises JobError if they cannot."""
    base = adapter_base(folder, view)
    if base is None:
        raise JobError(
            "the adapter belongs to a model that is not on the hub",
            help="publish the merged weights, or the model that it was trained from, too",
        )
    start = folder.maker(view.job.init)
    revision = None
    if start is not None and isinstance(start.job, ModelJob) and isinstance(start.job.source, HubModel):
        revision = start.job.source.revision
    return {"base_model_name_or_path": base, "revision": revision}


def _check(made: Path, folder: Path, token: str | None) -> None:
    """Raises JobError if a text that goes along has a token in it, or a path of this machine."""
    here = {str(folder.resolve()), f"{Path.home()}/"} - {"//"}
    for path in sorted(made.iterdir()):
        if not any(fnmatch(path.name, pattern) for pattern in _READ):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if _TOKEN.search(text) or (token and token in text):
            raise JobError(
                f"{path.name} has a token of the hub in it: nothing was pushed",
                help="take it out of the recipe, revoke it, and build again",
            )
        if found := next((one for one in here if one in text), None):
            raise JobError(
                f"{path.name} names a folder of this machine, {found}: nothing was pushed",
                help="write paths relative to the recipe",
            )
