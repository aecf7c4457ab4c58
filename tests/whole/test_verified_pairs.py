"""Programs paired by their tests, by the real command line: the sandbox holds as jobs are started there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """smolc 1

recipe programs { about = "Programs that pass over those that fail." }

model base {
  scratch   = llama(layers = 1, hidden = 32, heads = 2, context = 256)
  tokenizer = bytes
}
template chat { builtin = chatml }
dataset problems { path = "problems.jsonl"; format = prompt_completion(prompt = "text", completion = "code") }
dataset tries { path = "tries.jsonl"; format = prompt_completion(prompt = "text", completion = "code") }
pairs passes { by = tests(tries, problems = problems); run_code = true }
stage dpo { init = base; method = dpo; data = passes; template = chat }
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is of Linux")
def test_passed_over_failed(tmp_path: Path) -> None:
    right = "def add(a, b):\n    return a + b"
    problem = {"task_id": 1, "text": "Write add.", "code": right, "test_list": ["assert add(1, 2) == 3"]}
    tries = [{"text": "Write add.", "code": code} for code in (right.replace("+", "-"), right)]
    (tmp_path / "programs.recipe").write_text(RECIPE)
    (tmp_path / "problems.jsonl").write_text(json.dumps(problem) + "\n")
    (tmp_path / "tries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in tries))
    command = [sys.executable, "-m", "smolc.compiler.cli", "run", "programs.recipe", "--only", "passes"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "build" / "programs" / "out" / "passes" / "pairs.jsonl").read_text())
    assert (made["chosen"][0]["content"], made["rejected"][0]["content"]) == (right, tries[0]["code"])
