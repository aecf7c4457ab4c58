"""From a row as it stands in a file to one of four canonical examples.

Text: a document. Chat: messages with roles. Pair: a prompt with a better and a worse answer. Judged: a
prompt with an answer that is good or not.
"""

from smolc.runtime.data.formats.convert import converter
from smolc.runtime.data.formats.examples import Chat, Example, Judged, Message, Pair, Text

__all__ = ["Chat", "Example", "Judged", "Message", "Pair", "Text", "converter"]
