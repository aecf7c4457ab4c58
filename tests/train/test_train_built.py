from typing import Any

import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from compiled import TRAIN

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.built import check_batch, check_built


def job(**said: Any) -> TrainJob:
    return TrainJob.model_validate(TRAIN | said)


def test_the_batch_is_what_the_recipe_says() -> None:
    check_batch(job(), 1)
    with pytest.raises(JobError, match="2 processes, but the job was planned for 1"):
        check_batch(job(), 2)
    batch = {"global_sequences": 8, "micro": 2, "accumulation": 2, "data_parallel": 1}
    with pytest.raises(JobError, match=r"2 sequences x 2 accumulation steps x 1 devices = 4 .* says 8"):
        check_batch(job(batch=batch), 1)


@pytest.fixture
def accelerator() -> Any:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(cpu=True, mixed_precision="no")
    AcceleratorState._reset_state(reset_partial_state=True)


def test_one_process_is_what_was_asked_for(accelerator: Any) -> None:
    check_built(job(), accelerator)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"parallel": {"type": "fsdp2", "reshard": True}}, r"FSDP version +2 +-"),
        (
            {"parallel": {"type": "zero", "stage": 2, "offload": "none"}},
            r"distribution +deepspeed +one process",
        ),
        ({"batch": TRAIN["batch"] | {"micro": 1, "data_parallel": 2}}, r"processes +2 +1"),
        ({"precision": "bf16"}, r"mixed precision +bf16 +no"),
    ],
)
def test_a_quiet_fallback_is_told(accelerator: Any, said: dict[str, Any], line: str) -> None:
    with pytest.raises(JobError, match=line):
        check_built(job(**said), accelerator)
