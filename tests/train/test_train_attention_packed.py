"""Packed rows under masks, on a CPU: documents in one row are documents alone."""

from types import SimpleNamespace

import pytest
import torch
from architectures import CONFIGS, config_of, largest_difference, model_of
from compiled import TRAIN

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import attention
from smolc.runtime.train.attention import route
from smolc.runtime.train.attention.apart import KeepsApart, compare, two_documents
from smolc.runtime.train.attention.route import counts_in_documents

CARRY_STATES = ("lfm2", "granite-hybrid", "qwen3-next", "mamba")
SEE_EACH_OTHER = ("gpt-oss", "afmoe", "opt", "bloom", "granite-hybrid-attention")
IN_PIECES = "llama4-chunks"
APART = tuple(name for name in CONFIGS if name not in (*CARRY_STATES, *SEE_EACH_OTHER, IN_PIECES))
JOB = TrainJob.model_validate(TRAIN)
HERE = SimpleNamespace(device="cpu")
DOCUMENTS = [[5, 6, 7, 8, 9, 10], [11, 12, 13, 14]]


@pytest.mark.parametrize("name", APART)
def test_packed_logits_and_gradients_are_those_of_the_documents(name: str) -> None:
    kind = attention.choose(JOB, config_of(name), on_cuda=False, packed=True).kind
    for each in {kind, "eager"}:
        lm = model_of(name, each)
        logits, gradients = largest_difference(lm, lm, flat=False)
        assert logits < 1e-5
        assert gradients < 1e-4


def test_pieces_are_counted_in_each_document_or_rows_are_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of documents that begin at no multiple of a piece."""
    documents = [[5, 6, 7, 8, 9], [11, 12, 13, 14]]
    assert counts_in_documents() == compare(model_of(IN_PIECES, "sdpa"), documents, flat=False).holds(
        half=False
    )
    monkeypatch.setattr(route, "counts_in_documents", lambda: False)
    with pytest.raises(JobError, match="attends within pieces of 4 tokens"):
        attention.choose(JOB, config_of(IN_PIECES), on_cuda=False, packed=True)
    whole = config_of(IN_PIECES, attention_chunk_size=JOB.length)
    assert attention.choose(JOB, whole, on_cuda=False, packed=True).kind == "sdpa"
    assert attention.choose(JOB, config_of(IN_PIECES), on_cuda=False, packed=False).kind == "sdpa"


@pytest.mark.parametrize("name", ["llama", "gemma2", "deepseek-v3", "gpt-neox"])
def test_the_comparison_before_training_finds_documents_apart(name: str) -> None:
    kind = attention.choose(JOB, config_of(name), on_cuda=False, packed=True).kind
    for dtype, half in ((torch.float32, False), (torch.bfloat16, True)):
        assert compare(model_of(name, kind, dtype), DOCUMENTS, flat=False).holds(half=half)


@pytest.mark.parametrize("name", SEE_EACH_OTHER)
def test_models_whose_mask_knows_no_documents_are_found_before_training(name: str) -> None:
    kind = attention.choose(JOB, config_of(name), on_cuda=False, packed=True).kind
    rows = [{"input_ids": [*DOCUMENTS[0], *DOCUMENTS[1]], "seq_lengths": [6, 4]}]
    for dtype, half in ((torch.float32, False), (torch.bfloat16, True)):
        lm = model_of(name, kind, dtype)
        lm.train()
        with pytest.raises(JobError, match="lets a document see those before it"):
            KeepsApart(rows, kind=kind, flat=False, half=half).on_train_begin(HERE, None, None, model=lm)
        assert lm.training


def test_weights_that_are_no_numbers_are_not_taken_for_a_mask() -> None:
    rows = [{"input_ids": [*DOCUMENTS[0], *DOCUMENTS[1]], "seq_lengths": [6, 4]}]
    lm = model_of("llama", "sdpa")
    with torch.no_grad():
        lm.get_output_embeddings().weight[0, 0] = float("nan")
    check = KeepsApart(rows, kind="sdpa", flat=False, half=False)
    with pytest.raises(JobError, match="is no number before it is trained") as caught:
        check.on_train_begin(HERE, SimpleNamespace(global_step=0), None, model=lm)
    assert "the start model" in (caught.value.help or "")


def test_weights_as_small_as_at_the_start_of_pretraining_show_it_too() -> None:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    lm = AutoModelForCausalLM.from_config(
        config_of("gpt-oss"), attn_implementation="eager", dtype=torch.bfloat16
    )
    assert not compare(lm, DOCUMENTS, flat=False).holds(half=True)


@pytest.mark.parametrize("name", CARRY_STATES)
def test_models_with_a_state_take_no_packed_rows(name: str) -> None:
    with pytest.raises(JobError, match="carries a state from token to token") as caught:
        attention.choose(JOB, config_of(name), on_cuda=False, packed=True)
    assert "packing = none(length = 64)" in str(caught.value.help)


def test_models_with_a_state_take_single_documents() -> None:
    for name in CARRY_STATES:
        assert not attention.choose(JOB, config_of(name), on_cuda=False, packed=False).flat


def test_documents_are_looked_for_where_a_row_has_two() -> None:
    single = {"input_ids": [3, 4, 5], "seq_lengths": [3]}
    short = {"input_ids": [3, 4, 5], "seq_lengths": [1, 2]}
    long = {"input_ids": [3] * 100 + [4, 5], "seq_lengths": [100, 2]}
    assert two_documents([single, short]) is None
    assert two_documents([single, short, long]) == [[3] * 61, [4, 5]]
