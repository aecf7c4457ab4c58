"""A folder that was run, with what a card and a push need of it."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from fake_folder import fake_folder

WINNER = "sft.lr=0.001"
RECIPE = 'smolc 1\n\nrecipe quickstart {\n  about = "x"\n}\n'


@cache
def _run() -> TemporaryDirectory[str]:
    """Made once, gone when the tests end."""
    made = TemporaryDirectory()
    fake_folder(Path(made.name)).finish()
    return made


def run_folder(
    path: Path, publish: dict[str, dict[str, Any]] | None = None, about: str = "", **card: Any
) -> Path:
    """Base -> SFT (a grid) -> DPO, all done, with weights of a few bytes."""
    shutil.copytree(_run().name, path, dirs_exist_ok=True)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "about": about}))
    for job in (WINNER, "dpo"):
        model = path / "out" / job / "model"
        model.mkdir(parents=True)
        (model / "model.safetensors").write_bytes(b"weights of " + job.encode())
        (model / "config.json").write_text('{"model_type": "llama"}')
        (model / "generation_config.json").write_text('{"eos_token_id": 2}')
        (model / "tokenizer.json").write_text("{}")
        (model / "chat_template.jinja").write_text("{{ messages }}")
    (path / "card.json").write_text(
        json.dumps({"license": None, "models": {}, "sources": {}, "publish": publish or {}, **card})
    )
    (path / "recipe.txt").write_text(RECIPE)
    return path


def hub(**said: Any) -> dict[str, dict[str, Any]]:
    one = {
        "job": "dpo",
        "to": "someone/words",
        "private": True,
        "weights": "merged",
        "license": None,
        "language": [],
    }
    return {"hub": {**one, **said}}


def change_job(folder: Path, job: str, **keys: Any) -> None:
    place = folder / "jobs" / job / "job.yaml"
    place.write_text(yaml.safe_dump({**yaml.safe_load(place.read_text()), **keys}))


def parts(card: str) -> tuple[dict[str, Any], str]:
    """Front matter and text."""
    _, front, text = card.split("---\n", 2)
    return dict(yaml.safe_load(front)), text
