"""What is told of held-out rows is a mean over rows.

TRL takes the mean of its batches' means: of 50 pairs in batches of 16 the last two count a quarter. And where several
devices share the rows, accelerate repeats some to fill the last batches, which count twice.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch


class Weighed:
    """Mixin in front of a TRL trainer that keeps what it tells in lists, a value a batch. evaluates_whole: each device
    evaluates all rows, also where they could be shared evenly."""

    evaluates_whole = False
    _rows = 0  # of the last batch that was evaluated
    _weights: dict[str, list[float]] | None = None

    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Which rows of a batch have a good and a bad answer: (rows,) each, of 0 and 1."""
        raise NotImplementedError

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        rows = self.eval_dataset if eval_dataset is None else eval_dataset  # type: ignore[attr-defined]
        if self._shared(rows):
            return super().get_eval_dataloader(eval_dataset)  # type: ignore[misc]
        size = self.args.eval_batch_size  # type: ignore[attr-defined]
        return torch.utils.data.DataLoader(rows, batch_size=size, collate_fn=self.data_collator)  # type: ignore[attr-defined]

    def evaluation_loop(self, dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        """Where each device evaluates all rows, there is nothing to gather. transformers repeats a batch's loss as often as
        a full batch has rows, and leaves it to the gathering to cut the last one's."""
        if self._shared(dataloader.dataset):
            return super().evaluation_loop(dataloader, *args, **kwargs)  # type: ignore[misc]
        accelerator, before = self.accelerator, self.gather_function  # type: ignore[attr-defined,has-type]
        accelerator.gather_for_metrics = lambda data, **_: data
        self.gather_function = lambda losses, **_: losses[: self._rows]
        try:
            return super().evaluation_loop(dataloader, *args, **kwargs)  # type: ignore[misc]
        finally:
            self.gather_function = before
            del accelerator.gather_for_metrics

    def _shared(self, rows: Any) -> bool:
        """Among devices: where that leaves no batch to be filled."""
        size, devices = self.args.eval_batch_size, self.accelerator.num_processes  # type: ignore[attr-defined]
        return devices == 1 or (len(rows) % (size * devices) == 0 and not self.evaluates_whole)

    def prediction_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        before = {key: len(values) for key, values in self._told().items()}
        result = super().prediction_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        device = self.accelerator.device  # type: ignore[attr-defined]
        sides = torch.stack(self.sides(inputs), 1).to(device).float()
        self._rows = len(sides)
        sides = self.accelerator.gather_for_metrics(sides)  # type: ignore[attr-defined]
        good, bad = sides.sum(0).tolist()
        self._weights = self._weights or defaultdict(list)
        for key, values in self._told().items():
            if len(values) > before.get(key, 0):
                ends = {"chosen": good, "rejected": bad}
                self._weights[key].append(ends.get(key.rpartition("/")[2], float(len(sides))))
        return result

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self._weights is not None:
            told = self._told()
            for key, weights in self._weights.items():
                if len(told[key]) == len(weights) and sum(weights) > 0:
                    pairs = zip(told[key], weights, strict=True)
                    told[key] = [sum(float(value) * weight for value, weight in pairs) / sum(weights)]
            ends = told.get("rewards/chosen"), told.get("rewards/rejected")
            if ends[0] and ends[1] and "rewards/margins" in self._weights:
                told["rewards/margins"] = [ends[0][0] - ends[1][0]]
            self._weights = None
        super().log(logs, *args, **kwargs)  # type: ignore[misc]

    def _told(self) -> dict[str, list[Any]]:
        """Its lists for an evaluation, by name; TRL's trainers have two names for them."""
        lists = getattr(self, "_stored_metrics", None)
        return lists["eval"] if lists is not None else self._metrics["eval"]  # type: ignore[attr-defined,no-any-return]


def paired(pairs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The sides of pairs: each has both."""
    return torch.ones(pairs), torch.ones(pairs)
