"""Writes down what happens during training, tells the progress, and stops a run that has gone wrong."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.diverged import BROKEN_FROM_THE_START, Diverged, Divergence
from smolc.runtime.train.resume import keep_newest
from smolc.runtime.train.rows import Counts
from smolc.runtime.train.rungs import Reached, last_step
from smolc.runtime.train.seal import seal
from smolc.runtime.train.steps import Length, part_of

NAMES = {
    "learning_rate": "lr",
    "mean_token_accuracy": "token_accuracy",
    "eval_mean_token_accuracy": "eval_token_accuracy",
}
# Counted by ourselves, or of no use beside what we write.
DROPPED = ("epoch", "num_tokens", "eval_num_tokens", "total_flos", "step")


class Watch(TrainerCallback):  # type: ignore[misc]
    """`tokens_after[s]`: tokens seen in the first s steps. last: the step to end with.
    The main process writes; every process checks."""

    def __init__(self, context: Context, length: Length, counts: Counts, order: Any, keep: int) -> None:
        job = context.job
        assert isinstance(job, TrainJob)
        self.context = context
        self.length = length
        self.last = last_step(job, length)
        warmup = part_of(job.schedule.warmup, length.steps)
        self.divergence = Divergence(length.steps, warmup, bounded=job.diverged == "auto")
        self.tokens_after = _running(counts.tokens, order, length)
        self.trained_after = _running(counts.trained, order, length)
        self.metrics = context.out / "metrics.jsonl"
        self.trainer: Any = None
        self.first_loss: float | None = None
        self.loss: float | None = None
        self.eval_loss: float | None = None
        self.evaluated_at = -1
        self.began = time.monotonic()
        self.ended = self.began
        self.begin_step = 0
        self.keep = keep
        # By which held-out log-probabilities are divided to be of a token, see health/check.py.
        self.answer_lengths: dict[str, float] = {}
        self._told = 0.0
        self._note = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raises Reached."""
        # A checkpoint's state has those of the run that wrote it, and transformers would go by them.
        state.logging_steps, state.save_steps = args.logging_steps, args.save_steps
        state.train_batch_size = args.train_batch_size
        self.begin_step = state.global_step
        self.began = time.monotonic()
        self.divergence.past(state.log_history)
        for row in state.log_history:
            self.loss = float(row["loss"]) if "loss" in row else self.loss
            if "eval_loss" in row:
                self.eval_loss, self.evaluated_at = float(row["eval_loss"]), int(row["step"])
        if state.is_world_process_zero:
            evaluated = self.evaluated_at == state.global_step
            self.first_loss = keep_until(self.metrics, state.global_step, evaluated=evaluated)
            self.context.progress(state.global_step, self.last, "step")
        if state.global_step >= self.last < self.length.steps:
            raise Reached

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ended = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        last = state.global_step >= self.last
        if last and self.last < self.length.steps:
            control.should_save = control.should_training_stop = True
        # The last step is looked at wherever `log_every` falls. A checkpoint does not hold the losses since the value
        # before: a run that goes on from it would have another mean.
        control.should_log = control.should_log or last or control.should_save
        if state.is_world_process_zero and (last or now - self._told >= 0.5):
            self._told = now
            self.context.progress(state.global_step, self.last, "step", self._note)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called when this process has written its part of a checkpoint: it is whole when all have."""
        self.trainer.accelerator.wait_for_everyone()
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            seal(folder)
            keep_newest(folder.parent, self.keep)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if logs is None or "train_runtime" in logs:
            return
        step = state.global_step
        row = {
            "step": step,
            "epoch": round(step * self.length.sequences / self.length.rows, 4),
            "tokens": int(self.tokens_after[step]),
            "seconds": round(time.monotonic() - self.began, 3),
        }
        for name, value in logs.items():
            if name not in DROPPED and not name.endswith(("_runtime", "_per_second")) and _is_number(value):
                row[NAMES.get(name, name)] = value
        for side, length in self.answer_lengths.items():
            if (found := row.get(f"eval_logps/{side}")) is not None:
                row[f"eval_logps/{side}_per_token"] = round(found / length, 6)
        if "loss" in logs:
            self.loss = float(logs["loss"])
            self.first_loss = self.loss if self.first_loss is None else self.first_loss
            self._note = f"loss {self.loss:.3f} lr {logs.get('learning_rate', 0.0):.1e}"
        if "eval_loss" in logs:
            self.eval_loss, self.evaluated_at = float(logs["eval_loss"]), step
        if state.is_world_process_zero:
            self._write(step, row)
        self._stop_if_diverged(step, logs)

    def _write(self, step: int, row: dict[str, Any]) -> None:
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if "loss" in row:
            print(f"step {step}/{self.length.steps}  {self._note}", flush=True)
        elif "eval_loss" in row:
            print(f"step {step}/{self.length.steps}  eval_loss {self.eval_loss:.4f}", flush=True)

    def _stop_if_diverged(self, step: int, logs: dict[str, Any]) -> None:
        """Raises Diverged, on every process alike."""
        loss, norm, of = logs.get("loss"), logs.get("grad_norm"), self.length.steps
        if loss is not None and not math.isfinite(loss):
            bad = self.trainer.first_bad_step
            first = int(bad) if bad is not None and int(bad) > 0 else step
            if first == 1:  # nothing was learnt by then
                raise Diverged(f"the loss was {loss} from step 1 of {of} on", 1, help=BROKEN_FROM_THE_START)
            raise Diverged(f"the loss became {loss} at step {first} of {of}", first)
        if norm is not None and not math.isfinite(norm) and not uses_fp16(self.trainer):
            raise Diverged(f"the gradient became {norm} by step {step} of {of}", step, loss)
        if loss is not None:
            self.divergence.check(step, float(loss))
        held_out = logs.get("eval_loss")
        if held_out is not None and not math.isfinite(held_out):
            raise Diverged(f"the held-out loss became {held_out} by step {step} of {of}", step, self.loss)


def uses_fp16(trainer: Any) -> bool:
    """With fp16 an infinite gradient is expected now and then: the loss scaler skips that step."""
    return bool(trainer.args.fp16)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _running(per_row: Any, order: Any, length: Length) -> list[int]:
    per_step = per_row[order].reshape(length.steps, length.sequences).sum(axis=1)
    return [0, *(int(n) for n in per_step.cumsum())]


def keep_until(metrics: Path, step: int, *, evaluated: bool) -> float | None:
    """Drop what an interrupted run logged after the checkpoint it continues from. evaluated: whether the checkpoint was
    made after an evaluation at its step; one at the very end comes after it, and is made again. Returns the first loss.
    """
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() and step > 0 else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    kept = [row for row in rows if row["step"] < step + (evaluated or "eval_loss" not in row)]
    write_atomically(metrics, "".join(f"{json.dumps(row)}\n" for row in kept))
    return next((float(row["loss"]) for row in kept if "loss" in row), None)
