"""A model with random weights, and a tokenizer that needs no training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.model import ScratchModel

if TYPE_CHECKING:
    import torch


def bytes_tokenizer(special: tuple[str, ...], context: int) -> Any:
    """One token a byte of UTF-8, ids 0 to 255, then `special` in order. Any text comes back as it was.

    Padding is `<pad>`, or the first special token with "pad" in its name, or the first one. The end of text
    is the last special token with "end" or "eos" in its name, or the last one; a chat template sets its own.
    Raises JobError without special tokens, or with two of a name.
    """
    if not special or len(set(special)) != len(special):
        raise JobError(
            "a bytes tokenizer needs special tokens, each of another name",
            help='special = ["<pad>", "<eos>"]',
        )
    # BPE without merges over the byte alphabet: each byte stays a token of its own. The library writes
    # printable bytes as themselves and the others, in order, as characters from 256 on.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    others = iter(character for character in alphabet if ord(character) >= 256)
    vocabulary = {chr(b) if chr(b) in alphabet else next(others): b for b in range(256)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    named_pad = [token for token in special if "pad" in token.lower()]
    named_end = [token for token in special if "end" in token.lower() or "eos" in token.lower()]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>" if "<pad>" in special else (named_pad or list(special))[0],
        eos_token=(named_end or list(special))[-1],
        additional_special_tokens=list(special),
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )


def scratch_model(spec: ScratchModel, tokenizer: Any, seed: int, dtype: torch.dtype) -> Any:
    """A Llama decoder with tied embeddings, initialised from `seed`. Raises JobError for a wrong shape."""
    # Whoever needs only a tokenizer does not wait for torch.
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    if spec.hidden % spec.heads or spec.heads % spec.kv_heads:
        raise JobError(
            f"hidden {spec.hidden}, heads {spec.heads} and kv_heads {spec.kv_heads} do not go together",
            help="heads must divide hidden, and kv_heads must divide heads",
        )
    if (spec.hidden // spec.heads) % 2:
        raise JobError(
            f"a head of {spec.hidden // spec.heads} dimensions cannot be rotated",
            help="hidden / heads must be even",
        )
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=spec.hidden,
        intermediate_size=spec.intermediate,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.kv_heads,
        max_position_embeddings=spec.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return model.to(dtype)
