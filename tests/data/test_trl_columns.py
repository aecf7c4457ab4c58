"""TRL takes the columns as they are: its own collators and ORPO's own tokenising give the same ids."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

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


@pytest.mark.slow
@pytest.mark.parametrize("bos", [None, "<|im_start|>", "<|reserved_0|>"])
@pytest.mark.parametrize("length", [256, 74])
def test_orpo_tokenises_the_texts_to_the_same_ids(project: Project, bos: str | None, length: int) -> None:
    from trl.experimental.orpo import ORPOTrainer

    tokenizer = byte_tokenizer()
    tokenizer.bos_token = bos
    tokenizer.save_pretrained(project.build / "out" / "base" / "model")
    project.write("pairs.jsonl", ROWS)
    spec = source("pairs.jsonl", format=PAIRS)
    dataset = project.run(spec, method="orpo", length=length, overlong="truncate")
    trainer: Any = SimpleNamespace(
        processing_class=dataset.tokenizer, is_encoder_decoder=False, max_length=length
    )
    trainer.build_tokenized_answer = lambda prompt, answer: ORPOTrainer.build_tokenized_answer(
        trainer, prompt, answer
    )
    for row in dataset.rows():
        theirs = ORPOTrainer.tokenize_row(trainer, row)
        assert theirs["prompt_input_ids"] == row["prompt_ids"]
        for side in ("chosen", "rejected"):
            assert theirs[f"{side}_input_ids"] == row["prompt_ids"] + row[f"{side}_ids"]
            assert [x for x in theirs[f"{side}_labels"] if x != -100] == row[f"{side}_ids"]


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
