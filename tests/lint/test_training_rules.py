"""Rules about batches, optimisers and hardware: what they estimate, and recipes with odd values in them."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lint_cases import read_cases

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.types import has_errors
from smolc.compiler.lint import lint, rules
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.memory import GIB, activations, needed
from smolc.compiler.lint.training import gpu_of, trainings
from smolc.compiler.model.build import build
from smolc.compiler.plan import plan
from smolc.compiler.resolve import resolve

BASE = Path(__file__).parent / "base"
OURS = ("B", "H", "O")
FAMILIES = ("batch", "optimizer", "parallel")
FIXED = [
    case
    for family in FAMILIES
    for path in sorted((Path(rules.__path__[0]) / family).glob("*.cases"))
    for case in read_cases(path)
    if case.fixed is not None and case.fixed != case.recipe
]


def context_of(path: Path, on: str | None = None) -> Context | None:
    """None if the recipe has mistakes, which the compiler reports."""
    resolved, found = resolve(path, shown=path.name)
    if resolved is None or has_errors(found):
        return None
    recipe, found = build(resolved)
    if recipe is None:
        return None
    planned, found = plan(recipe, resolved, on)
    return None if planned is None else Context(recipe, resolved, planned)


def write(folder: Path, text: str) -> Path:
    for base in BASE.glob("*.recipe"):
        shutil.copy(base, folder)
    path = folder / "case.recipe"
    path.write_text('extends "sft.recipe"\n' + text, encoding="utf-8")
    return path


def found_in(context: Context) -> list[Diagnostic]:
    return lint(context.recipe, context.resolved, context.plan)


# Peak memory in GiB of a 3.08B model, packed rows of 4,096 tokens, on H100s of 80 GB; with checkpointing.
MEASURED = [
    ("parallel = ddp", "2xh100", 60),
    ("parallel = fsdp2", "2xh100", 26),
    ("parallel = zero(stage = 2)", "2xh100", 34),
    ("parallel = zero(stage = 3)", "2xh100", 31),
    ("precision = bf16_pure; parallel = ddp", "1xh100", 25),
]


@pytest.mark.parametrize(("stage", "on", "peak"), MEASURED)
def test_memory_is_a_lower_bound_and_not_far_below(tmp_path: Path, stage: str, on: str, peak: float) -> None:
    path = write(tmp_path, f'drop model base\nmodel base {{ hub = "a/m-3.08B" }}\nstage sft {{ {stage} }}\n')
    context = context_of(path, on)
    assert context is not None
    (run,) = trainings(context)
    bytes = needed(run)
    assert bytes is not None
    assert 0.7 * peak <= bytes / GIB <= peak


@pytest.mark.parametrize(("micro", "peak"), [(2, 46), (3, 60)])
def test_memory_with_activations(tmp_path: Path, micro: int, peak: float) -> None:
    """Pure bf16, Liger and varlen, without checkpointing: as measured on one H100."""
    text = f"precision = bf16_pure; checkpointing = false; micro_batch = {micro}; batch = 12seq"
    path = write(tmp_path, f'drop model base\nmodel base {{ hub = "a/m-3.08B" }}\nstage sft {{ {text} }}\n')
    context = context_of(path, "1xh100")
    assert context is not None
    (run,) = trainings(context)
    weights, more = needed(run), activations(run)
    assert weights is not None and more is not None
    assert 0.9 * peak <= (weights + more) / GIB <= 1.02 * peak


@pytest.mark.parametrize("parallel", ["fsdp2", "zero(stage = 1)", "zero(stage = 2)", "zero(stage = 3)"])
def test_more_devices_never_need_more_memory(tmp_path: Path, parallel: str) -> None:
    path = write(
        tmp_path, f'drop model base\nmodel base {{ hub = "a/m-8B" }}\nstage sft {{ parallel = {parallel} }}\n'
    )
    sizes = []
    for on in ("1xh100", "2xh100", "4xh100", "8xh100", "2x8xh100"):
        context = context_of(path, on)
        assert context is not None
        sizes.append(needed(next(iter(trainings(context)))))
    assert sizes == sorted(sizes, reverse=True) and sizes[0] != sizes[-1]


def test_size_that_no_model_has_is_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path, f'drop model base\nmodel base {{ hub = "a/m-{"9" * 400}B" }}\n')
    context = context_of(path, "8xh100")
    assert context is not None
    assert [needed(run) for run in trainings(context)] == [None]
    assert [d for d in found_in(context) if d.name == "rule-crashed"] == []


@pytest.mark.parametrize(
    ("on", "gpu"),
    [
        ("8xh100", "h100"),
        ("2x8xrtx4090", "rtx4090"),
        ("mi300x", "mi300x"),
        ("4xmi250x", "mi250x"),
        ("a100_40", "a100_40"),
        ("2xcpu", None),
        (None, None),
        ("mine", "a6000"),
    ],
)
def test_gpu_of_a_cluster(tmp_path: Path, on: str | None, gpu: str | None) -> None:
    context = context_of(write(tmp_path, 'cluster mine { gpus = 2; gpu = "A6000"; memory = 48GiB }\n'), on)
    assert context is not None and context.plan is not None
    assert gpu_of(context.plan.cluster, context.recipe) == gpu


COUNTS = st.sampled_from([1, 2, 3, 8, 24, 24, 24, 512, 10**9])
STEPS = st.sampled_from(["1step", "0.5step", "3step", "200step", "1e9step"])
PARTS = st.sampled_from(["0%", "0.001%", "5%", "50%", "99.9%", "100%", "250%"])
LENGTHS = st.one_of(STEPS, st.sampled_from(["0.1epoch", "1epoch", "1e9epoch", "1tok", "5Mtok"]))
SCHEDULES = st.builds(
    "schedule = {}(warmup = {})".format,
    st.sampled_from(["cosine", "linear", "constant", "wsd", "wsd(decay = 100%)"]),
    st.one_of(STEPS, PARTS),
).map(lambda text: text.replace(")(", ", "))
OPTIMIZERS = st.sampled_from(
    ["sgd", "adafactor(clip = 1e9)", "adamw_8bit(lr = 1, beta1 = 100%)", "adamw(lr = 1e-12)", "adamw(beta1 = 0, beta2 = 0)"]
)  # fmt: skip
ADAPTERS = st.sampled_from(
    [
        "lora", "qlora(rank = 1)", 'lora(targets = "all", scaling = rsqrt)', "lora(targets = [])",
        "lora(alpha = 1e-12)", "full",
    ]
)  # fmt: skip
PARALLELS = st.sampled_from(
    ["auto", "ddp", "fsdp2", "zero(1, offload = all)", "zero(2)", "zero(3, offload = optimizer)", "zero(3)"]
)
LINES = st.one_of(
    st.builds("batch = {}seq".format, COUNTS),
    st.builds("length = {}".format, LENGTHS),
    st.builds("log_every = {}".format, COUNTS),
    st.builds("evaluate_every = {}".format, st.one_of(STEPS, PARTS.filter(lambda p: p != "0%"))),
    st.builds("save_every = {}".format, st.one_of(STEPS, PARTS.filter(lambda p: p != "0%"))),
    st.builds("keep = {}".format, st.integers(0, 3)),
    st.builds("optim = {}".format, OPTIMIZERS),
    st.builds("adapter = {}".format, ADAPTERS),
    st.builds("parallel = {}".format, PARALLELS),
    st.builds("precision = {}".format, st.sampled_from(["bf16", "bf16_pure", "fp16", "fp32"])),
    st.builds(
        "packing = {}".format, st.sampled_from(["best_fit(length = 1)", "none(length = 1Mi)", "best_fit"])
    ),
    st.builds("checkpointing = {}".format, st.sampled_from(["true", "false"])),
    st.builds("kernels = {}".format, st.sampled_from(["liger", "none"])),
    SCHEDULES,
)
MODELS = st.sampled_from(
    ['hub = "a/m-3B"', 'hub = "a/m"', 'path = "w-0M"', 'hub = "a/m-70B"; attention = varlen']
)
CLUSTERS = st.sampled_from(
    [
        "gpus = 8", 'gpus = 1; gpu = "t4"', "processes = 2", 'gpu = "hh"; processes = 3', "gpus = 2; memory = 1B",
        'gpus = 8; gpu = ""; parallel_jobs = 9', "gpus = 2; processes = 5; nodes = 3",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.integers(0, 30), LINES, max_size=8), MODELS, CLUSTERS)
def test_odd_values_crash_no_rule(tmp_path: Path, lines: dict[int, str], model: str, cluster: str) -> None:
    own = {line.partition(" ")[0]: line for line in lines.values()}
    stage = "; ".join(own.values())
    text = f"""recipe case {{ on = here }}
cluster here {{ {cluster} }}
drop model base
model base {{ {model} }}
stage sft {{ {stage} }}
"""
    context = context_of(write(tmp_path, text))
    if context is None:
        return
    found = found_in(context)
    assert [d.message for d in found if d.name == "rule-crashed"] == []
    for d in found:
        if d.code.startswith(OURS):
            assert d.span is not None
            assert d.message and d.help and "nan" not in d.message and "inf" not in d.message.split()
            assert all(math.isfinite(e.span.start) and e.span.start < e.span.end for e in d.edits)


@pytest.mark.parametrize("case", FIXED, ids=lambda c: f"{c.rule.stem}-{c.title.replace(' ', '_')}")
def test_rule_is_content_with_its_own_fix(tmp_path: Path, case) -> None:
    for base in BASE.glob("*.recipe"):
        shutil.copy(base, tmp_path)
    path = tmp_path / "case.recipe"
    codes = []
    for text in (case.recipe, case.fixed):
        path.write_text(text, encoding="utf-8")
        context = context_of(path)
        assert context is not None
        codes.append([d.code for d in found_in(context)])
    own = case.expect[0].split()[0]
    assert own in codes[0] and own not in codes[1]
