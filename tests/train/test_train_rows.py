from pathlib import Path

import datasets
import pytest
import torch
from compiled import SPECIAL, chat_rows, pack, pair_rows, unpaired_rows
from transformers import AutoModelForCausalLM, LlamaConfig

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train.rows import Collator, count_tokens, fill_up, load_rows
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 128)


def model(attention: str) -> AutoModelForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("flat", [False, True])
def test_packed_rows_do_not_see_each_other(attention: str, flat: bool) -> None:
    rows = chat_rows(TOKENIZER, 9)
    packed = pack(rows, 110)
    assert len(packed) > 2 and max(len(row["seq_lengths"]) for row in packed) > 1
    lm = model(attention)
    with torch.no_grad():
        batch = Collator(TOKENIZER.pad_token_id, flat)(packed)
        assert "attention_mask" not in batch
        batch.pop("labels")
        together = lm(**batch, use_cache=False).logits
        real = (
            torch.cat([together[i, : len(row["input_ids"])] for i, row in enumerate(packed)])
            if not flat
            else together[0]
        )
        alone = torch.cat([lm(torch.tensor([row["input_ids"]]), use_cache=False).logits[0] for row in rows])
    assert torch.allclose(real, alone, atol=1e-5)


def test_the_first_token_of_a_sequence_is_not_trained() -> None:
    row = {"input_ids": [5, 6, 7, 8], "labels": [5, 6, 7, 8], "seq_lengths": [2, 2]}
    assert Collator(0, flat=False)([row])["labels"].tolist() == [[-100, 6, -100, 8]]
    assert Collator(0, flat=True)([row, row])["labels"].tolist() == [[-100, 6, -100, 8] * 2]


def test_flat_batches_say_where_sequences_end() -> None:
    rows = [{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}, {"input_ids": [4, 5], "labels": [4, 5]}]
    batch = Collator(0, flat=True)(rows)
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 5]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["cu_seq_lens_q"].tolist() == [0, 3, 5] and batch["cu_seq_lens_q"].dtype == torch.int32
    assert batch["max_length_q"] == 3


def test_padded_batches_have_a_mask() -> None:
    rows = [{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}, {"input_ids": [4, 5], "labels": [4, 5]}]
    batch = Collator(9, flat=False)(rows)
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 5, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].tolist() == [[-100, 2, 3], [-100, 5, -100]]


def test_tokens_are_counted(tmp_path: Path) -> None:
    rows = chat_rows(TOKENIZER, 7)
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "train"))
    loaded = load_rows(tmp_path / "train", "sft")
    assert loaded is not None
    counts = count_tokens(loaded.select([6, 0, 3]), "sft")
    chosen = [rows[i] for i in (6, 0, 3)]
    assert counts.tokens.tolist() == [len(row["input_ids"]) for row in chosen]
    assert counts.trained.tolist() == [sum(label != -100 for label in row["labels"]) for row in chosen]


def test_a_pair_reads_its_prompt_twice() -> None:
    pair = pair_rows(TOKENIZER, 1)
    counts = count_tokens(datasets.Dataset.from_list(pair), "dpo")
    sizes = [len(pair[0][f"{name}_ids"]) for name in ("prompt", "chosen", "rejected")]
    assert counts.tokens.tolist() == [2 * sizes[0] + sizes[1] + sizes[2]]
    assert counts.trained.tolist() == [sizes[1] + sizes[2]]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    datasets.Dataset.from_list(unpaired_rows(TOKENIZER, 2)).save_to_disk(str(tmp_path / "train"))
    with pytest.raises(JobError, match="chosen_ids, rejected_ids"):
        load_rows(tmp_path / "train", "dpo")
    assert load_rows(tmp_path / "validation", "dpo") is None


def test_filling_up_adds_nothing_to_the_loss() -> None:
    rows = datasets.Dataset.from_list(pack(chat_rows(TOKENIZER, 5), 110))
    filled = fill_up(rows, 4, pad=256)
    assert len(filled) % 4 == 0
    assert all(label == -100 for row in list(filled)[len(rows) :] for label in row["labels"])
    assert fill_up(filled, 4, pad=256) is filled
