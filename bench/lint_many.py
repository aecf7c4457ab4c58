"""How long `smolc lint` takes for many recipes at once, and how that grows with the size of one.

    python bench/lint_many.py [--recipes 1000] [--rows 10000]

Recipes are made with a seed: 60 lines each, with the blocks that people write (model, datasets, mixture, template, SFT on
a grid, DPO, an eval), no two alike. One process lints all of them. Then one recipe whose mixture has more and more
rows is linted and built: the time per row has to stay what it is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

LINES = 60


def recipe(number: int) -> str:
    """A recipe of 60 lines."""
    random = Random(number)
    lr = random.choice(["1e-5", "2e-5", "3e-5", "5e-6"])
    length = random.choice(["2Ki", "4Ki", "8Ki"])
    lines = f"""smolc 1

recipe experiment_{number} {{
  about = "Experiment {number}: SFT on a grid, then DPO."
  seed  = {random.randrange(1000)}
}}

model base {{
  hub      = "org{random.randrange(50)}/model-{random.choice(["135M", "1.7B", "3B", "8B"])}"
  revision = "{random.randrange(16**39, 16**40):040x}"
}}

template chat {{
  builtin = {random.choice(["chatml", "smollm3", "qwen3"])}
}}

mixture skills {{
""".splitlines()
    rows = [f"  d{i} = {random.choice(['all', 'take(50%)', 'take(2000seq)'])}" for i in range(4)]
    datasets = [
        line
        for i in range(5)
        for line in (
            f'dataset d{i} {{ path = "data/{number}/{i}.jsonl"'
            + ("; format = preference }" if i == 4 else " }"),
        )
    ]
    lines = [*lines[:-2], *datasets, *lines[-2:], *rows, "  holdout = 2%", "}"]
    lines += f"""
stage sft {{
  init     = base
  method   = sft(loss_on = assistant)
  data     = skills
  template = chat
  packing  = best_fit(length = {length})
  batch    = 128Kitok
  length   = {random.randrange(1, 4)}epoch
  optim    = adamw(lr = {lr}, clip = 0.{random.randrange(1, 9)})
  sweep {{
    optim.lr = [{lr}, 1e-6]
    pick     = min(eval_loss)
  }}
}}

stage dpo {{
  init   = sft.best
  method = dpo(loss = apo_zero, beta = 0.0{random.randrange(1, 9)})
  data   = d4
  batch  = 32seq
  optim  = adamw(lr = 1e-6)
}}""".splitlines()
    lines += ["# why, in words"] * (LINES - len(lines))
    assert len(lines) == LINES
    return "\n".join(lines) + "\n"


def wide(rows: int) -> str:
    """A recipe whose mixture has so many rows."""
    lines = "\n".join(f'    "split_{i}" = take({1 + i % 99}%)' for i in range(rows))
    return f"""smolc 1
recipe wide {{ about = "many rows" }}
model base {{ scratch = llama(layers = 1, hidden = 64, heads = 4); tokenizer = bytes }}
template chat {{ builtin = chatml }}
dataset hub {{ hub = "org/data"; revision = "{1:040x}" }}
mixture m {{
  from hub {{
{lines}
  }}
}}
stage sft {{ init = base; method = sft; data = m; template = chat; batch = 32seq }}
"""


def seconds(command: list[str]) -> tuple[float, int]:
    """Processor time of a command (user and system), and its exit code."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, process.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    smolc = str(Path(sys.executable).parent / "smolc")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(options.recipes):
            paths.append(Path(folder) / f"{number}.recipe")
            paths[-1].write_text(recipe(number))
        base = min(seconds([sys.executable, "-c", "pass"])[0] for _ in range(5))
        begin = time.perf_counter()
        taken, code = seconds([smolc, "lint", *map(str, paths)])
        wall = time.perf_counter() - begin
        print(
            f"lint of {options.recipes} recipes of {LINES} lines: {taken:.2f} s of one core ({wall:.2f} s wall), "
            f"{taken / options.recipes * 1e3:.2f} ms each, {taken / base:.0f} x `python -c pass`; exit code {code}"
        )
        print(f"{'rows':>7} {'lint s':>7} {'ms/row':>7} {'build s':>8} {'ms/row':>7}")
        empty = {}
        for command in ("lint", "build"):
            path = Path(folder) / "wide.recipe"
            path.write_text(wide(1))
            empty[command] = seconds(
                [smolc, command, str(path), *(["-o", f"{folder}/built"] if command == "build" else [])]
            )[0]
        for rows in (options.rows // 8, options.rows // 4, options.rows // 2, options.rows, options.rows * 2):
            path.write_text(wide(rows))
            lint, _ = seconds([smolc, "lint", str(path)])
            build, _ = seconds([smolc, "build", str(path), "-o", f"{folder}/built"])
            each = [(t - empty[c]) / rows * 1e3 for t, c in ((lint, "lint"), (build, "build"))]
            print(f"{rows:>7} {lint:>7.2f} {each[0]:>7.3f} {build:>8.2f} {each[1]:>7.3f}")


if __name__ == "__main__":
    main()
