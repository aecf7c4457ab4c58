"""Helpers of the tests that compile recipes from text."""

from __future__ import annotations

from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.model.build import build
from smolc.compiler.plan import Job, Plan, plan
from smolc.compiler.resolve import resolve

SMALL = """
recipe small { about = "small" }
model base {
  scratch = llama(layers = 1, hidden = 16, heads = 2)
  tokenizer = bytes
}
dataset chats { path = "chats.jsonl" }
dataset pairs { path = "pairs.jsonl"; format = preference }
mixture talk { chats = all; holdout = 10% }
template chat { builtin = chatml }
stage sft {
  init = base
  method = sft
  data = talk
  template = chat
  batch = 32seq
}
stage dpo {
  init = sft
  method = dpo
  data = pairs
}
eval final {
  of = [base, sft, dpo]
  task words { data = chats }
}
"""


def compiled(
    folder: Path, text: str = SMALL, *overrides: str, on: str | None = None
) -> tuple[Plan | None, list[Diagnostic]]:
    """Text to plan; what was found along the way beside it."""
    path = folder / "case.recipe"
    path.write_text(text, encoding="utf-8")
    resolved, found = resolve(path, overrides, shown="case.recipe")
    assert resolved is not None
    recipe, more = build(resolved)
    found.extend(more)
    if recipe is None:
        return None, found
    made, more = plan(recipe, resolved, on)
    return made, [*found, *more]


def planned(folder: Path, text: str = SMALL, *overrides: str, on: str | None = None) -> Plan:
    """As `compiled`, for recipes without mistakes."""
    made, found = compiled(folder, text, *overrides, on=on)
    assert made is not None and not found, render_full(found)
    return made


def job(plan: Plan, id: str) -> Job:
    return next(j for j in plan.jobs if j.id == id)
