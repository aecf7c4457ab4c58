"""What counts as a word where rows are compared with one another and with evals."""

from __future__ import annotations

import re
import unicodedata

# Scripts that put no spaces between words: each character is a word (Thai and Lao, kana, Han).
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
_MARKS = re.compile(r"[^\w\s]|_")
_BARE = bytes(ord(chr(i).lower()) if i < 128 and chr(i).isalnum() else 32 for i in range(256))


def words(text: str) -> list[bytes]:
    """Words in one case and one form of each character (NFKC), punctuation kept."""
    if text.isascii():
        return text.lower().encode().split()
    return _folded(text).encode("utf-8", "surrogatepass").split()


def bare_words(text: str) -> list[bytes]:
    """As words; what is neither letter nor digit parts them: `don't` is `don t`."""
    if text.isascii():
        return text.encode().translate(_BARE).split()
    return _MARKS.sub(" ", _folded(text)).encode("utf-8", "surrogatepass").split()


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # Python's spaces are more than those of bytes.split.
    return " ".join(_UNSPACED.sub(r" \1 ", folded).split())
