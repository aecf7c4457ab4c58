"""The shipped templates, and conversations to be rendered by them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from smolc.runtime.data.template import ChatTemplate

CHAT = Path(__file__).parents[2] / "templates" / "chat"
ENDS = {
    "chatml": "<|im_end|>",
    "smollm2": "<|im_end|>",
    "smollm3": "<|im_end|>",
    "qwen3": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "gemma": "<end_of_turn>",
    "mistral": "</s>",
    "phi": "<|end|>",
    "zephyr": "</s>",
}
SHIPPED = list(ENDS)
WITH_TOOLS = ["smollm3", "qwen3", "llama3", "mistral"]
WITH_REASONING = ["smollm3", "qwen3"]
CALL = {"function": {"name": "weather", "arguments": {"city": "Bern"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
CALLING = [
    {"role": "user", "content": "Rain?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "no"},
    {"role": "tool", "content": "dry"},
    {"role": "assistant", "content": "No."},
]
WORDS = st.text("ab \n.,<>{}é漢/", min_size=1, max_size=12).filter(lambda text: bool(text.strip()))


@cache
def load(name: str, **kwargs: Any) -> ChatTemplate:
    text = (CHAT / f"{name}.jinja").read_text(encoding="utf-8")
    return ChatTemplate(name, text, {"bos_token": "<s>", **kwargs})


@st.composite
def conversations(draw: st.DrawFn, system: bool | None = None) -> list[dict[str, Any]]:
    """Alternating turns, ending with either side. system: whether one stands before them."""
    messages = []
    if draw(st.booleans()) if system is None else system:
        messages.append({"role": "system", "content": draw(WORDS)})
    for turn, words in enumerate(draw(st.lists(WORDS, min_size=1, max_size=5))):
        messages.append({"role": "assistant" if turn % 2 else "user", "content": words})
    return messages
