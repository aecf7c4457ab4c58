"""The reference's log-probabilities: computed once, kept, shared, and never stale."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from compiled import DPO, KTO, LORA, context_of, losses, pair_rows, unpaired_rows

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import reference, reference_pass, run
from smolc.runtime.train.answers import PAIR, Answers
from smolc.runtime.train.assemble import rows_of

SAID: dict[str, Any] = {"method": "dpo", "loss": DPO}
ORDER = np.array([3, 0, 2, 1, 4])


class Counted:
    """Numbers of answers, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, numbers: Any) -> Any:
        self.asked.append(list(numbers))
        return -np.asarray(numbers, dtype=np.float32)


def steps(count: int) -> dict[str, Any]:
    return {"duration": {"epochs": None, "steps": count, "tokens": None}}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Answers of each pass that is made."""
    made: list[int] = []
    scored = reference_pass.scored

    def counting(context: Any, job: Any, answers: Any, numbers: Any, *rest: Any, **more: Any) -> Any:
        made.append(len(numbers))
        return scored(context, job, answers, numbers, *rest, **more)

    monkeypatch.setattr(reference_pass, "scored", counting)
    return made


def again(folder: Path) -> None:
    shutil.rmtree(folder / "out" / "sft")
    run.run(context_of(folder, "sft"))


def evaluated(folder: Path) -> float:
    return float(json.loads((folder / "out/sft/result.json").read_text(encoding="utf-8"))["eval_loss"])


def key_of(folder: Path) -> str:
    context = context_of(folder, "sft")
    data = rows_of(context, context.job)  # type: ignore[arg-type]
    return reference.key_of(context, context.job, Answers([data.train], PAIR), "sdpa", "cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [{}, {"adapter": LORA | {"dropout": 0.0}}, {"loss": DPO | {"ld_alpha": 0.3}}],
    ids=["full", "lora", "ld_alpha"],
)
def test_a_run_is_the_one_with_the_reference_in_every_step(
    said: dict[str, Any], train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, passes: list[int]
) -> None:
    folder = train(pair_rows, **SAID | said, **steps(3))
    kept, validation = losses(folder, "sft"), evaluated(folder)
    assert passes == [2 * 37]
    monkeypatch.setattr(reference, "why_not", lambda *_, **__: "it is asked for")
    again(folder)
    assert kept == pytest.approx(losses(folder, "sft"), rel=1e-5)
    assert validation == pytest.approx(evaluated(folder), rel=1e-5)
    assert kept[-1] != pytest.approx(kept[0], rel=1e-3) and len(passes) == 1


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        # 8 steps of 4 rows: 2 of the 30 come again, and who is beside them; 7 held-out rows.
        pytest.param({}, range(30 + 30 + 7 + 7, 30 + 32 + 7 + 7 + 1), id="full"),
        pytest.param({"adapter": LORA | {"dropout": 0.0}}, range(30 + 30 + 7 + 7, 77), id="lora"),
        pytest.param({"loss": KTO | {"loss": "apo_zero_unpaired"}}, [30 + 7], id="apo_zero_unpaired"),
    ],
)
def test_a_run_of_kto_is_the_one_with_the_reference_in_every_step(
    said: dict[str, Any],
    answers: Any,
    train: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    passes: list[int],
) -> None:
    batch = {"global_sequences": 4, "micro": 2, "accumulation": 2, "data_parallel": 1}
    folder = train(unpaired_rows, **{"method": "kto", "loss": KTO} | said, batch=batch, **steps(8))
    kept, validation = losses(folder, "sft"), evaluated(folder)
    assert len(passes) == 1 and passes[0] in answers
    result = json.loads((folder / "out/sft/result.json").read_text(encoding="utf-8"))
    assert "log-probabilities kept, no model" in json.dumps(result["faithful"])
    monkeypatch.setattr(reference, "why_not", lambda *_, **__: "it is asked for")
    again(folder)
    assert kept == pytest.approx(losses(folder, "sft"), rel=1e-5)
    assert validation == pytest.approx(evaluated(folder), rel=1e-5)
    assert kept[-1] != pytest.approx(kept[0], rel=1e-3) and len(passes) == 1


def test_an_answer_that_comes_again_has_one_number() -> None:
    rows = [
        {"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4, 5]},
        {"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [6]},
        {"prompt_ids": [1], "chosen_ids": [2, 3], "rejected_ids": [3]},
    ]
    more = [{"prompt_ids": [1, 2], "chosen_ids": [6], "rejected_ids": [7, 7, 7]}]
    splits = [datasets.Dataset.from_list(some) for some in (rows, more)]
    answers = Answers(splits, PAIR)
    asked = [answers[n] for n in range(len(answers))]
    assert sorted((a.prompt, a.ids) for a in asked) == [
        ([1], [2, 3]),
        ([1], [3]),
        ([1, 2], [3]),
        ([1, 2], [4, 5]),
        ([1, 2], [6]),
        ([1, 2], [7, 7, 7]),
    ]
    longest = [len(asked[n].prompt + asked[n].ids) for n in answers.by_length()]
    assert longest == [5, 4, 3, 3, 3, 2]
    values = np.array([100 * sum(a.prompt) + sum(a.ids) for a in asked], dtype=np.float32)
    kept = [split.to_list() for split in answers.with_kept(values)]
    found = [[(row["ref_chosen_logps"], row["ref_rejected_logps"]) for row in split] for split in kept]
    assert found == [[(303, 309), (303, 306), (105, 103)], [(306, 321)]]


def test_neither_the_order_of_the_rows_nor_a_repeated_one_changes_what_is_asked() -> None:
    rows = [{"prompt_ids": [n % 5], "chosen_ids": [n, n], "rejected_ids": [n]} for n in range(20)]
    split = datasets.Dataset.from_list(rows)
    again = datasets.Dataset.from_list(rows[::-1] + rows[3:9])
    one, other = (Answers([some], PAIR) for some in (split, again))
    assert one.digest() == other.digest() and len(one) == 40
    assert [one[n] for n in range(40)] == [other[n] for n in range(40)]
    assert one.digest() != Answers([split.select(range(19))], PAIR).digest()


def test_where_the_other_answers_length_counts_the_same_answer_has_two_numbers() -> None:
    rows = [{"prompt_ids": [1], "chosen_ids": [7, 7, 7], "rejected_ids": [8] * n} for n in (1, 2, 2)]
    split = datasets.Dataset.from_list(rows)
    assert [len(Answers([split], PAIR, by_shorter=by)) for by in (False, True)] == [3, 4]


def test_in_bf16_the_start_model_is_near_what_was_kept_of_it(
    train: Callable[..., Path], passes: list[int]
) -> None:
    folder = train(pair_rows, **SAID, precision="bf16", **steps(1))
    assert losses(folder, "sft") == [pytest.approx(np.log(2), abs=0.01)] and len(passes) == 1


def test_runs_of_a_grid_share_one_pass_which_is_made_again_if_damaged_and_refused_if_another_models(
    train: Callable[..., Path], passes: list[int]
) -> None:
    folder = train(pair_rows, **SAID, **steps(1))
    (file,) = (folder / "out" / ".reference").glob("*/logps")
    assert sorted(p.name for p in file.parent.iterdir()) == ["logps"]
    whole = file.read_bytes()
    train(
        pair_rows, method="dpo", loss=DPO | {"beta": 0.5, "loss": ["ipo"]}, adapter=LORA, go=False, **steps(1)
    )
    again(folder)
    assert len(passes) == 1
    file.write_bytes(whole[:-3])
    again(folder)
    assert len(passes) == 2 and file.read_bytes() == whole
    values = reference.read(file, 74)
    assert values is not None
    reference.write(file, values * np.float32(1.01))
    with pytest.raises(JobError, match="the start model gives an answer a log-probability of"):
        again(folder)
    assert not (folder / "out" / "sft" / "model").exists()


def test_the_key_is_of_rows_weights_and_numbers(train: Callable[..., Path]) -> None:
    folder = train(pair_rows, **SAID, go=False)
    keys = [key_of(folder)]
    assert key_of(folder) == keys[0]
    for said in ({"precision": "bf16"}, {"loss": DPO | {"reference": "data"}}, {"length": 32}):
        if said.get("loss"):
            shutil.copy(folder / "out/base/result.json", folder / "out/data/result.json")
        train(pair_rows, **(SAID | said), go=False)
        keys.append(key_of(folder))
    train(pair_rows, **SAID, go=False)
    weights = next((folder / "out" / "base" / "model").glob("*.safetensors"))
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 1))
    keys.append(key_of(folder))
    rows = datasets.load_from_disk(str(folder / "out" / "data" / "train")).to_list()
    rows[3]["chosen_ids"][0] += 1
    shutil.rmtree(folder / "out" / "data" / "train")
    datasets.Dataset.from_list(rows).save_to_disk(str(folder / "out" / "data" / "train"))
    keys.append(key_of(folder))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda _: b""])
def test_damage_is_noticed(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    counted = Counted()
    store = reference.Store(tmp_path / "k", 5)
    for _ in range(2):
        assert store.take(counted, ORDER).tolist() == [0, -1, -2, -3, -4]
    assert counted.asked == [[3, 0, 2, 1, 4]]
    store.whole.write_bytes(damage(store.whole.read_bytes()))
    assert store.take(counted, ORDER).tolist() == [0, -1, -2, -3, -4] and len(counted.asked) == 2


def test_a_pass_that_was_killed_leaves_no_half_and_what_is_no_number_is_told(tmp_path: Path) -> None:
    def killed(_: Any) -> Any:
        raise KeyboardInterrupt

    store = reference.Store(tmp_path / "k", 5)
    with pytest.raises(KeyboardInterrupt):
        store.take(killed, ORDER)
    with pytest.raises(JobError, match="5 of 5 answers a log-probability that is no number"):
        store.take(lambda numbers: np.full(len(numbers), np.nan, np.float32), ORDER)
    assert [p.name for p in store.folder.iterdir() if "lock" not in p.name] == []
    assert store.take(Counted(), ORDER).tolist() == [0, -1, -2, -3, -4]


@pytest.mark.parametrize(("ranks", "passes"), [([(0, 3), (1, 3), (2, 3)], 3), ([(0, 1), (0, 1)], 1)])
def test_processes_share_the_work_and_two_jobs_do_it_once(
    ranks: list[tuple[int, int]], passes: int, tmp_path: Path
) -> None:
    counted, found = Counted(), []

    def one(rank: int, processes: int) -> None:
        store = reference.Store(tmp_path / "k", 5, rank, processes)
        found.append(store.take(counted, ORDER).tolist())

    threads = [threading.Thread(target=one, args=each) for each in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert found == [[0, -1, -2, -3, -4]] * len(ranks)
    assert len(counted.asked) == passes and sorted(n for some in counted.asked for n in some) == [
        0,
        1,
        2,
        3,
        4,
    ]
