"""TRL takes the columns as they are: its own collators give the same ids."""

from __future__ import annotations

import pytest
from data_project import Project, byte_tokenizer, source

PAIRS = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}
ROWS = [{"p": f"the question {i}", "c": f"good é {i}", "r": f"bad {i}"} for i in range(5)]


@pytest.mark.slow
def test_the_packed_rows_in_trls_collator(project: Project) -> None:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    project.write("rows.jsonl", ROWS)
    format = {"type": "prompt_completion", "prompt": "p", "completion": "c"}
    rows = project.run(source("rows.jsonl", format=format), loss_on="all", packing="best_fit").rows()
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)(rows)
    assert batch["input_ids"][0].tolist() == [id for row in rows for id in row["input_ids"]]
    # The collator masks the first token of each document by itself: that it already is changes nothing.
    assert batch["labels"][0].tolist() == [label for row in rows for label in row["labels"]]
    positions = [i for row in rows for length in row["seq_lengths"] for i in range(length)]
    assert batch["position_ids"][0].tolist() == positions


@pytest.mark.parametrize("end_of_turn", ["<|im_end|>", None])
def test_pairs_of_losses_without_a_reference(project: Project, end_of_turn: str | None) -> None:
    """They are our ids, whatever the tokenizer would put before and after: no BOS, no end of text."""
    from smolc.runtime.train.paired import columns_of

    tokenizer = byte_tokenizer()
    tokenizer.bos_token = "<|reserved_0|>"
    tokenizer.save_pretrained(project.build / "out" / "base" / "model")
    project.write("pairs.jsonl", ROWS)
    template = project.template("chatml.jinja", end_of_turn=end_of_turn)
    dataset = project.run(source("pairs.jsonl", format=PAIRS), method="orpo", template=template)
    assert dataset.tokenizer.bos_token == "<|reserved_0|>"
    for row in dataset.rows():
        made = columns_of(row)
        text = dataset.tokenizer.decode(made["chosen_input_ids"])
        assert text.startswith("<|im_start|>user\nthe question")
        assert [x for x in made["chosen_labels"] if x != -100] == row["chosen_ids"]
        ends = "<|im_end|>" if end_of_turn else "<|im_end|>\n"
        assert dataset.tokenizer.decode(row["rejected_ids"]).endswith(ends)


@pytest.mark.slow
def test_pairs_and_judged_answers_in_trls_collators(project: Project) -> None:
    from trl.trainer.dpo_trainer import DataCollatorForPreference
    from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

    project.write("pairs.jsonl", ROWS)
    pairs = project.run(source("pairs.jsonl", format=PAIRS), method="dpo").rows()
    batch = DataCollatorForPreference(pad_token_id=0)(pairs)
    width = len(pairs[0]["prompt_ids"] + pairs[0]["chosen_ids"])
    assert batch["input_ids"][0].tolist()[:width] == pairs[0]["prompt_ids"] + pairs[0]["chosen_ids"]
    judged = project.run(source("pairs.jsonl", format=PAIRS), method="kto").rows()
    masks = DataCollatorForUnpairedPreference(pad_token_id=0)(judged)["completion_mask"]
    assert masks.sum(1).tolist() == [len(row["completion_ids"]) for row in judged]
