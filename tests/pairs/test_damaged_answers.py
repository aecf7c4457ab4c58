"""What a `generate` job left, and somebody or something damaged since: it counts as done."""

from __future__ import annotations

from pathlib import Path

import pytest
from paired import answered, made

from smolc.runtime.jobs.errors import JobError


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (None, "answers.jsonl: No such file or directory"),
        (["{}", "whole"], "answers.jsonl:1 is damaged"),
        (["whole", "nul\0l"], "answers.jsonl:2 is damaged"),
        (["whole", "null"], "answers.jsonl:2 is damaged"),
        (["whole"], "answers.jsonl has 1 of 2"),
    ],
)
def test_what_helps_is_told(lines: list[str] | None, told: str, tmp_path: Path) -> None:
    """Without `--fresh` it would not be made again."""
    strong, weak = (answered(tmp_path, name, {"a": [name], "b": [name]}) for name in ("strong", "weak"))
    file = tmp_path / "out" / "weak" / "answers.jsonl"
    whole = file.read_text().splitlines()[0]
    file.unlink()
    if lines is not None:
        file.write_text("".join(line.replace("whole", whole) + "\n" for line in lines))
    with pytest.raises(JobError) as caught:
        made(tmp_path, [strong, weak])
    assert caught.value.message == f"weak left no answers that can be read: {told}"
    assert "smolc run RECIPE --fresh weak" in str(caught.value.help)
