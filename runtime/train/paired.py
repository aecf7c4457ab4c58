"""What our trainers of TRL's experimental, reference-free losses share: pairs from our ids, and no logits.

TRL makes the logits of every token, prompts and padding with them, and takes log-softmax of them in their own numbers; the
losses need one log-probability a token. Those come from its own fused head, as they do for DPO, in fp32.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from trl.trainer.utils import add_fused_lm_head

from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.token_mean import TokenMean
from smolc.runtime.train.unpadded import without_padding
from smolc.runtime.train.weighed import Weighed, paired


def columns_of(row: dict[str, Any]) -> dict[str, list[int]]:
    """The columns that TRL's collator takes, from our ids alone: no token added, none cut."""
    prompt = row["prompt_ids"]
    columns = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
    for name in ("chosen", "rejected"):
        answer = row[f"{name}_ids"]
        columns[f"{name}_input_ids"] = prompt + answer
        columns[f"{name}_attention_mask"] = [1] * (len(prompt) + len(answer))
        columns[f"{name}_labels"] = [IGNORED] * len(prompt) + answer
    return columns


class Paired(Weighed, Common, TokenMean):
    """Mixin in front of TRL's trainer. TRL tokenises each row with `tokenize_row`; it finds no text in ours and leaves
    them alone before that.

    over_prompts: whether the cross entropy is over the prompt, too.
    """

    over_prompts: ClassVar[bool] = False
    tokenize_row = staticmethod(columns_of)

    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        return paired(len(inputs["chosen_labels"]))

    def averages(self) -> bool:
        """Whether the loss takes an answer's mean log-probability, instead of its sum."""
        raise NotImplementedError

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> Any:
        """What TRL's returns: log-probabilities of the chosen and the rejected answers, (pairs,) each, means of their logits
        over the scored tokens, the chosen answers' cross entropy, and the experts' balance where it is trained."""
        pairs = len(batch["chosen_labels"])
        whole = self.concatenated_inputs(batch, padding_value=0, device=self.accelerator.device)  # type: ignore[attr-defined]
        ids, mask, answers = (
            whole[f"concatenated_{name}"] for name in ("input_ids", "attention_mask", "labels")
        )
        labels = answers
        if self.over_prompts:
            labels = torch.cat([ids[:pairs].masked_fill(mask[:pairs] == 0, IGNORED), answers[pairs:]])
        balance = {"output_router_logits": True} if self.aux_loss_enabled else {}  # type: ignore[attr-defined]
        out = model(
            input_ids=ids, attention_mask=mask, labels=labels, use_cache=False, fused_lm_head=True, **balance
        )
        answered, scored = answers[:, 1:] != IGNORED, labels[:, 1:] != IGNORED
        found = (out.log_probs * answered).sum(1)
        if self.averages():
            found = found / answered.sum(1)
        entropy = -out.log_probs[:pairs].sum() / scored[:pairs].sum()
        if self.share is not None:
            entropy = entropy * self.share
        means = [
            x.sum() / n.sum() for x, n in zip(out.mean_logits.split(pairs), scored.split(pairs), strict=True)
        ]
        told = found[:pairs], found[pairs:], *means, entropy
        return (*told, out.aux_loss) if self.aux_loss_enabled else told  # type: ignore[attr-defined]


def build(kind: Any, args: Any, parts: Parts) -> Any:
    """A trainer of the class `kind`."""
    add_fused_lm_head(parts.model, outputs=("log_probs", "mean_logits"))
    if parts.flat:
        without_padding(parts.model)
    made = kind(**parts.given(), args=args)
    made.order = parts.order
    return made
