"""Declaring tools to a model whose chat template has no place for them."""

from __future__ import annotations

import json
from typing import Any

from smolc.runtime.data.formats import Message

ASK = """You may call these tools, each a JSON schema:

{tools}

If one or several of them do what the user asks for, answer with nothing but the calls,
each as JSON on a line of its own between tags:
<tool_call>{{"name": "NAME", "arguments": {{"PARAMETER": VALUE}}}}</tool_call>

If none of them does, or the user did not say what a tool needs to know, say so in words and call nothing."""


def declared(messages: list[Message], tools: list[Any]) -> list[Message]:
    """The messages with the tools in the system prompt, after what it says already."""
    schemas = "\n".join(json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in tools)
    text = ASK.format(tools=schemas)
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]
