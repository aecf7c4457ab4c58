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

    def commit() -> str:
        return f"{random.randrange(16**39, 16**40):040x}"

    size, rows = random.choice(["135M", "1.7B", "3B"]), random.randrange(1, 9)
    takes = [random.choice(["all", "take(50%)", f"take({rows}000seq)"]) for _ in range(3)]
    lr = random.choice([(3, 6), (5, 9), (4, 8)])
    text = f"""smolc 1

recipe experiment_{number} {{
  about   = "Experiment {number}: SFT on a grid, then APO."
  seed    = {random.randrange(1000)}
  license = "apache-2.0"
}}

model base {{
  hub      = "org{random.randrange(50)}/model-{size}-Base"
  revision = "{commit()}"
}}

template chat {{
  builtin     = chatml
  end_of_turn = "<|im_end|>"
}}

# Where it comes from.
dataset talk   {{ hub = "org/talk-{number}"; revision = "{commit()}" }}
dataset maths  {{ hub = "org/maths-{number}"; revision = "{commit()}" }}
dataset code   {{ hub = "org/code-{number}"; revision = "{commit()}" }}
dataset choice {{ hub = "org/choice-{number}"; revision = "{commit()}"; format = preference }}

mixture skills {{
  talk    = {takes[0]}
  maths   = {takes[1]}
  code    = {takes[2]}
  holdout = 2%
}}

mixture taste {{
  choice  = take({rows}000seq)
  holdout = 5%
}}

stage sft {{
  init     = base
  data     = skills
  method   = sft(loss_on = assistant)
  template = chat
  packing  = best_fit(length = {random.choice([2, 4, 8])}Ki)
  batch    = {random.choice([64, 128, 256])}Kitok
  length   = {random.randrange(1, 4)}epoch
  optim    = adamw(lr = 1e-5, clip = 0.{rows})
  schedule = cosine(warmup = 5%)
  sweep    {{ optim.lr = [{lr[0]}e-6, 1e-5, {lr[1]}e-5]; pick = min(eval_loss) }}
}}

stage apo {{
  init   = sft.best
  method = dpo(loss = apo_zero, beta = 0.{rows:02})
  data   = taste
  batch  = 32seq
  optim  = adamw(lr = 1e-6)
  schedule = cosine(warmup = 10%)
}}

# Measured once, at the end.
eval final {{ of = [base, sft, apo]; role = test; tasks = [gsm_plus, mmlu_pro] }}
"""
    lines = text.count("\n")
    assert lines == LINES, lines
    return text


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
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
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
        path = Path(folder) / "wide.recipe"
        path.write_text(wide(1))
        for command, options_of in (("lint", []), ("build", ["-o", f"{folder}/built"])):
            empty[command] = seconds([smolc, command, str(path), *options_of])[0]
        for rows in (options.rows // 8, options.rows // 4, options.rows // 2, options.rows, options.rows * 2):
            path.write_text(wide(rows))
            lint, _ = seconds([smolc, "lint", str(path)])
            build, _ = seconds([smolc, "build", str(path), "-o", f"{folder}/built"])
            each = [(t - empty[c]) / rows * 1e3 for t, c in ((lint, "lint"), (build, "build"))]
            print(f"{rows:>7} {lint:>7.2f} {each[0]:>7.3f} {build:>8.2f} {each[1]:>7.3f}")


if __name__ == "__main__":
    main()
