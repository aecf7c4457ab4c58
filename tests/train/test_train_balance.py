"""Balance between devices: as arithmetic, and in a run of two processes."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from compiled import MODEL, SPECIAL, TRAIN, context_of, launch, launcher, write_folder, write_rows
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.jobs.train import Batch
from smolc.runtime.train import start
from smolc.runtime.train.balance import balanced, balanced_for, loads, work_of
from smolc.runtime.train.rows import sequences_of
from smolc.runtime.train.scratch import bytes_tokenizer

shapes = st.tuples(*[st.integers(1, 4)] * 4)


def drawn(rows: int, steps: int, sequences: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    passes = [random.permutation(rows) for _ in range(-(-steps * sequences // rows))]
    return random.lognormal(6, 0.5, rows) ** 2, np.concatenate(passes)[: steps * sequences]


@given(shapes, st.integers(1, 50))
def test_only_rows_of_one_step_change_places(shape: tuple[int, int, int, int], rows: int) -> None:
    micro, accumulation, ranks, steps = shape
    work, order = drawn(rows, steps, micro * accumulation * ranks)
    made = balanced(work, micro, accumulation, ranks, order)
    assert made.dtype == order.dtype
    assert np.array_equal(np.sort(made.reshape(steps, -1)), np.sort(order.reshape(steps, -1)))
    assert np.array_equal(made, balanced(work, micro, accumulation, ranks, order))
    # What a longer run does in its first steps does not depend on its length.
    first = order[: len(order) // steps]
    assert np.array_equal(made[: len(first)], balanced(work, micro, accumulation, ranks, first))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("micro", "accumulation"), [(1, 8), (4, 1), (4, 4), (16, 4)])
def test_devices_have_more_equal_work(micro: int, accumulation: int, padded: bool) -> None:
    batch = Batch(
        global_sequences=micro * accumulation * 8, micro=micro, accumulation=accumulation, data_parallel=8
    )
    work, order = drawn(20_000, 40, batch.global_sequences)
    made = balanced_for("sft", work, batch, order, padded=padded)
    before, after = (loads(work, micro, 8, o, padded=padded) for o in (order, made))
    if padded:
        # The longest row of a micro step says how long that takes, whoever has it; but less is padding.
        assert after[0] <= before[0] * (0.8 if accumulation > 1 else 1 + 1e-9)
        assert after[1] <= before[1] * (0.8 if micro > 1 else 1 + 1e-9)
    else:
        assert after[0] / after[1] - 1 < (before[0] / before[1] - 1) * 0.7
    assert np.array_equal(np.sort(made.reshape(40, -1)), np.sort(order.reshape(40, -1)))


def test_the_most_loaded_device_gets_the_least_next() -> None:
    work = np.asarray([9.0, 8, 7, 1])
    assert balanced(work, 2, 1, 2, np.arange(4)).tolist() == [0, 3, 1, 2]
    # One row at a time: the device that had more in the first micro step has less in the second.
    assert balanced(work, 1, 2, 2, np.arange(4)).tolist() == [0, 1, 3, 2]


def test_micro_batches_of_pairs_stay_together_and_those_of_kto_where_they_are() -> None:
    work, order = drawn(24, 3, 8)
    batch = Batch(global_sequences=8, micro=2, accumulation=2, data_parallel=2)
    assert balanced_for("kto", work, batch, order, padded=True) is order
    made = balanced_for("dpo", work, batch, order, padded=True)
    assert not np.array_equal(made, order)
    assert sorted(made.reshape(-1, 2).tolist()) == sorted(order.reshape(-1, 2).tolist())
    assert np.array_equal(np.sort(made.reshape(3, -1)), np.sort(order.reshape(3, -1)))


def test_work_is_that_of_documents() -> None:
    assert work_of(np.asarray([3, 4, 10]), np.asarray([0, 2, 3]), 0).tolist() == [25, 100]
    assert work_of(np.asarray([3]), np.asarray([0, 1]), 2).tolist() == [9 + 72]


@pytest.mark.parametrize(
    ("method", "row", "lengths", "bounds"),
    [
        ("sft", {"input_ids": [1, 2, 3], "labels": [1, 2, 3]}, [3], [0, 1]),
        ("sft", {"input_ids": [1, 2, 3], "labels": [1, 2, 3], "seq_lengths": [1, 2]}, [1, 2], [0, 2]),
        ("dpo", {"prompt_ids": [1, 2], "chosen_ids": [1], "rejected_ids": [1, 2, 3]}, [3, 5], [0, 2]),
        ("kto", {"prompt_ids": [1, 2], "completion_ids": [1]}, [3], [0, 1]),
    ],
)
def test_sequences_of_rows(method: str, row: dict, lengths: list[int], bounds: list[int]) -> None:
    rows = datasets.Dataset.from_list([row] * 3)
    # Several chunks, a slice, and chosen rows.
    rows = datasets.concatenate_datasets([rows, rows]).select([5, 1, 2]).select(range(1, 3))
    found = sequences_of(rows, method)
    assert found[0].tolist() == lengths * 2
    assert found[1].tolist() == bounds + [b + bounds[-1] for b in bounds[1:]]


TWICE = '''
"""Trains with the rows as drawn, then balanced; writes which rows this process got, and the losses."""
import json, os, sys
import numpy as np
from pathlib import Path
from transformers import set_seed
from compiled import context_of
from smolc.runtime.jobs.leave import leave
from smolc.runtime.train import balance, common, model, rows, run, settings, sft, steps

context = context_of(Path.cwd(), "sft")
job = context.job
data = rows.load_rows(context.out_of("data") / "train", "sft")
length = steps.length_of(job.duration, len(data), 1, job.batch.global_sequences)
drawn = steps.row_order(length, job.seed)
work = balance.work_of(*rows.sequences_of(data, "sft"), 0)
padded = "seq_lengths" not in data.column_names
orders = {"drawn": drawn, "balanced": balance.balanced_for("sft", work, job.batch, drawn, padded=padded)}
said = {}
for name, order in orders.items():
    said_here = settings.trainer_settings(
        job, length, context.out / name, on_cuda=False, liger=False, validation=False
    )
    args = sft.arguments(job, said_here)
    tokenizer = model.load_tokenizer(str(context.out_of("data") / "tokenizer"))
    lm = model.load_model(context.model_of("base"), job, "sdpa")
    parts = common.Parts(lm, tokenizer, data, None, order, None, None, False, [])
    trainer = sft.trainer(job, args, parts)
    # The first token of a row is its number, and a row has no other of its kind.
    got = [batch["input_ids"][:, 0].tolist() for batch in trainer.get_train_dataloader()]
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    said[name] = {"order": order.tolist(), "got": got, "losses": losses}
Path(f"rank{os.environ['RANK']}.json").write_text(json.dumps(said))
run.finish()
leave(0)
'''


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="the launch file is for a CPU")
@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.long), True])
def test_two_processes_get_the_rows_intended_and_the_loss_stays(tmp_path: Path, packed: bool) -> None:
    batch = {"global_sequences": 12, "micro": 2, "accumulation": 3, "data_parallel": 2}
    write_folder(tmp_path, MODEL, TRAIN | {"batch": batch})
    start.run(context_of(tmp_path, "base"))
    random = np.random.default_rng(0)
    rows = []
    for i in range(40):
        ids = [i, *random.integers(40, 90, random.integers(3, 60)).tolist()]
        row = {"input_ids": ids, "labels": [-100, *ids[1:]]}
        rows.append(row | ({"seq_lengths": [2, len(ids) - 2]} if packed else {}))
    write_rows(tmp_path, bytes_tokenizer(SPECIAL, 128), rows, [])
    (tmp_path / "twice.py").write_text(TWICE)
    config = Path(__file__).parent / "launch/ddp_cpu.yaml"
    command = [*launcher(config), "twice.py"]
    done = launch(tmp_path, command, PYTHONPATH=str(Path(__file__).parent))
    assert done.returncode == 0, done.stdout + done.stderr
    ranks = [json.loads((tmp_path / f"rank{n}.json").read_text()) for n in range(2)]
    for name in ("drawn", "balanced"):
        wanted = np.asarray(ranks[0][name]["order"]).reshape(-1, 2, 2)  # micro step, rank, row
        for n, rank in enumerate(ranks):
            assert rank[name]["got"] == wanted[:, n].tolist()
    drawn, balanced_run = (ranks[0][name] for name in ("drawn", "balanced"))
    assert drawn["order"] != balanced_run["order"]
    assert len(drawn["losses"]) == 6
    assert balanced_run["losses"] == pytest.approx(drawn["losses"], abs=2e-5)
