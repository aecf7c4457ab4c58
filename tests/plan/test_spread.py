"""Ways to spread a stage: what each becomes, and what is refused, where, and with what instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compiling import SMALL, compiled, job, planned

from smolc.compiler.diagnostics import Diagnostic

HUB = SMALL.replace(
    "scratch = llama(layers = 1, hidden = 16, heads = 2)\n  tokenizer = bytes", 'hub = "some/Model-8B"'
)
ROWS = "packing = none(length = 8Ki)"


def stage(parallel: str, more: str = "", text: str = HUB) -> str:
    """SMALL's sft stage with it."""
    return text.replace("  batch = 32seq\n", f"  batch = 32seq\n  parallel = {parallel}\n  {more}\n")


@pytest.mark.parametrize(
    ("parallel", "on", "more", "batch"),
    [
        ("fsdp2(context = 4)", "8xh100", ROWS, (1, 16, 2)),
        ("zero(3, sequence = 2)", "8xh100", ROWS, (2, 4, 4)),
        ("zero(stage = 1, sequence = 8)", "8xh100", ROWS, (2, 16, 1)),
        ("fsdp2(replicate = 2)", "2x8xh100", ROWS, (2, 1, 16)),
        ("fsdp2(context = 2, replicate = 2)", "8xh100", ROWS, (2, 4, 4)),
        ("zero(2, sequence = 2)", "4xcpu", ROWS, (1, 16, 2)),
        ("zero(3, sequence = 2)", "8xh100", "packing = best_fit(length = 16Ki)", (1, 8, 4)),
        ("fsdp2(offload = all)", "2xh100", ROWS, (2, 8, 2)),
    ],
)
def test_the_batch_is_divided_among_groups(
    tmp_path: Path, parallel: str, on: str, more: str, batch: tuple[int, int, int]
) -> None:
    more = more if not parallel.startswith("fsdp2(context = 4") else f"{more}; micro_batch = 1"
    body = job(planned(tmp_path, stage(parallel, more), on=on), "sft").body
    found = body["batch"]
    assert (found["micro"], found["accumulation"], found["data_parallel"]) == batch
    assert found["global_sequences"] == 32 == batch[0] * batch[1] * batch[2]


def test_all_that_is_asked_for_stands_in_the_job(tmp_path: Path) -> None:
    def parallel(text: str) -> dict[str, Any]:
        made = job(planned(tmp_path, stage(text, ROWS), on="8xh100"), "sft").body["parallel"]
        assert isinstance(made, dict)
        return made

    none = {"context": 1, "replicate": 1, "offload": "none"}
    assert parallel("fsdp2") == {"type": "fsdp2", "reshard": True} | none
    assert parallel("fsdp2(reshard = false, context = 2)") == parallel("fsdp2") | {
        "reshard": False,
        "context": 2,
    }
    assert parallel("zero(3)") == {"type": "zero", "stage": 3, "offload": "none", "sequence": 1}
    assert parallel("zero(3, offload = all, sequence = 4)")["sequence"] == 4


def refused(folder: Path, text: str, on: str) -> tuple[Diagnostic, str]:
    """The one error, and the text that it stands at."""
    made, found = compiled(folder, text, on=on)
    assert made is None
    (error,) = [d for d in found if d.code in ("C050", "C051")]
    assert error.help and error.span is not None
    return error, error.span.source.text[error.span.start : error.span.end]


@pytest.mark.parametrize(
    ("parallel", "more", "on", "code", "at", "said", "help"),
    [
        ("fsdp2(context = 3)", "packing = none(length = 6Ki)", "8xh100", "C050", "3", "groups of 3", "--on 24xh100"),
        ("zero(3, sequence = 4)", ROWS, "2xh100", "C050", "4", "groups of 4", "--on 4xh100"),
        ("zero(3, sequence = 4)", ROWS, "6xh100", "C050", "4", "groups of 4", "write 2"),
        ("fsdp2(replicate = 8)", ROWS, "8xh100", "C050", "8", "nothing to shard", "`replicate = 4`"),
        ("fsdp2(replicate = 2)", ROWS, "2xh100", "C050", "2", "nothing to shard", "`parallel = ddp`"),
        ("fsdp2(context = 4, replicate = 2)", ROWS, "8xh100", "C050", "2", "two groups for each copy", "leave"),
        ("fsdp2(context = 2)", "packing = none(length = 4098)", "8xh100", "C050", None, "divided by 4", "4096"),
        ("zero(3, sequence = 8)", "packing = none(length = 4Ki+1)", "8xh100", "C050", None, "by 8", "4096"),
        ("fsdp2(context = 2)", ROWS, "4xcpu", "C051", "2", "GPUs only", "sequence = 2"),
        ("fsdp2(context = 2)", "packing = best_fit", "8xh100", "C051", None, "see each other", "sequence = 2"),
        ("fsdp2(context = 2)", ROWS + "; adapter = qlora", "8xh100", "C051", "2", "4-bit", "lora"),
        ("zero(2, sequence = 2)", ROWS + "; adapter = qlora", "8xh100", "C051", "2", "4-bit", "lora"),
        ("fsdp2", "optim = adafactor(lr = 1e-5)", "8xh100", "C051", None, "first step", "ddp"),
        ("zero(1)", "optim = adafactor(lr = 1e-5)", "8xh100", "C051", None, "another optimiser", "adamw"),
        ("fsdp2", "precision = fp16", "8xh100", "C051", "fp16", "vanish", "zero(stage = 3)"),
        ("fsdp2(offload = all)", "precision = fp16", "8xh100", "C051", "fp16", "vanish", "offload = all"),
        ("fsdp2(context = 2)", ROWS + "; precision = fp32", "8xh100", "C051", "fp32", "half", "sequence = 2"),
        ("zero(3, sequence = 2)", ROWS + "; kernels = compiled", "8xh100", "C051", "compiled", "compiled", "auto"),
    ],
)  # fmt: skip
def test_what_cannot_be_spread(
    tmp_path: Path, parallel: str, more: str, on: str, code: str, at: str | None, said: str, help: str
) -> None:
    error, place = refused(tmp_path, stage(parallel, more.replace("4Ki+1", "4100")), on)
    assert error.code == code
    assert said in error.message
    assert error.help is not None and help in error.help
    assert at is None or place == at


@pytest.mark.parametrize("parallel", ["fsdp2(context = 2)", "zero(3, sequence = 2)"])
@pytest.mark.parametrize("method", ["dpo", "orpo", "cpo", "simpo", "kto"])
def test_preferences_need_whole_rows(tmp_path: Path, parallel: str, method: str) -> None:
    pairs = "format = unpaired" if method == "kto" else "format = preference"
    text = HUB.replace("format = preference", pairs).replace(
        "  method = dpo\n", f"  method = {method}\n  batch = 32seq\n  {ROWS}\n  parallel = {parallel}\n"
    )
    error, place = refused(tmp_path, text, "8xh100")
    assert (error.code, place) == ("C051", "2")
    assert f"{method} needs" in error.message


def test_noise_that_depends_on_the_length(tmp_path: Path) -> None:
    text = stage("zero(3, sequence = 2)", ROWS).replace("method = sft", "method = sft(neftune = 5)")
    error, place = refused(tmp_path, text, "8xh100")
    assert (error.code, place) == ("C051", "5")


def test_a_loss_that_trl_has_not_for_shared_rows(tmp_path: Path) -> None:
    text = stage("zero(3, sequence = 2)", ROWS).replace("method = sft", "method = sft(loss = dft)")
    error, place = refused(tmp_path, text, "8xh100")
    assert (error.code, place) == ("C051", "dft")


@pytest.mark.parametrize(
    ("parallel", "attention", "works"),
    [
        ("fsdp2(context = 2)", "sdpa", True),
        ("fsdp2(context = 2)", "flash_attention_2", False),
        ("fsdp2(context = 2)", "varlen", False),
        ("zero(3, sequence = 2)", "flash_attention_2", True),
        ("zero(3, sequence = 2)", "eager", False),
    ],
)
def test_attention(tmp_path: Path, parallel: str, attention: str, works: bool) -> None:
    text = stage(parallel, ROWS).replace('8B"', f'8B"\n  attention = {attention}')
    if works:
        planned(tmp_path, text, on="8xh100")
        return
    error, place = refused(tmp_path, text, "8xh100")
    assert (error.code, place) == ("C051", attention)


@pytest.mark.parametrize(
    ("heads", "keys", "size", "works"),
    [
        (8, 2, 2, True),
        (8, 2, 8, True),
        (8, 8, 4, True),
        (12, 4, 8, False),
        (6, 3, 2, False),
        (4, 2, 3, False),
    ],
)
def test_heads_of_a_model_from_scratch(tmp_path: Path, heads: int, keys: int, size: int, works: bool) -> None:
    shape = f"llama(layers = 1, hidden = {heads * 8}, heads = {heads}, kv_heads = {keys})"
    text = SMALL.replace("llama(layers = 1, hidden = 16, heads = 2)", shape)
    text = stage(f"zero(3, sequence = {size})", "packing = none(length = 240)", text).replace(
        "32seq", "24seq"
    )
    if works:
        planned(tmp_path, text, on=f"{2 * size}xh100")
        return
    error, place = refused(tmp_path, text, f"{2 * size}xh100")
    assert (error.code, place) == ("C051", str(size))


@pytest.mark.parametrize(
    ("parallel", "on", "message", "help"),
    [
        (
            "fsdp2(context = 2, replicate = 2)",
            "4xh100",
            "takes at least 8 devices, two groups for each copy, and there are 4 devices of `4xh100`",
            "leave `replicate` out",
        ),
        (
            "fsdp2(replicate = 2)",
            "2xh100",
            "on 2 devices of `2xh100` leaves nothing to shard",
            "leave `replicate`",
        ),
        (
            "zero(3, sequence = 2)",
            "cpu",
            "1 device of `cpu` cannot be divided",
            "`--on 2xcpu`, or `processes = 2`",
        ),
        ("zero(3, sequence = 2)", "h100", "1 device of `h100` cannot be divided", "`--on 2xh100`"),
    ],
)
def test_devices_that_are_too_few(tmp_path: Path, parallel: str, on: str, message: str, help: str) -> None:
    (found,) = (d for d in compiled(tmp_path, stage(parallel, ROWS), on=on)[1] if d.code == "C050")
    assert message in found.message and help in (found.help or "")


@pytest.mark.parametrize("on", ["0xh100", "0xcpu", "0x8xh100", "2x0xh100"])
def test_a_cluster_of_nothing(tmp_path: Path, on: str) -> None:
    (found,) = (d for d in compiled(tmp_path, SMALL, on=on)[1] if d.code == "C030")
    assert found.message == f"`{on}` has no devices" and "write at least 1: `" in (found.help or "")
