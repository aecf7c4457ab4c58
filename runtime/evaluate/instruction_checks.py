"""Checks of 34 of IFBench's 58 instructions (arXiv:2507.02833): code of our own, after their descriptions and what the
published program does (github.com/allenai/IFBench, Apache 2.0). The other instructions have no check here.

Single answers may come out otherwise than there: sentences are split by a rule, not a trained splitter; sentence types
that do not occur are in no ratio; `format:newline`, `format:options` and `custom:multiples` are read a little otherwise.

A check is given an answer that is not blank, and the instruction's kwargs.
"""

from __future__ import annotations

import csv
import itertools
import re
import string
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

Check = Callable[[str, dict[str, Any]], bool]

_BARE = str.maketrans("", "", string.punctuation)
_CONJUNCTIONS = {"and", "but", "for", "nor", "or", "so", "yet"}
_PRIMES = {n for n in range(2, 100) if all(n % d for d in range(2, n))}
_PAIRS = {")": "(", "]": "[", "}": "{"}


def words(text: str) -> list[str]:
    """In lower case, split at white space, without punctuation."""
    return text.lower().translate(_BARE).split()


def sentences(text: str) -> list[str]:
    """Split after full stops, question and exclamation marks that white space or the end follows."""
    return [s for s in re.split(r"(?<=[.!?])[\"')\]”’]*\s+", text.strip()) if words(s)]


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _times(text: str, word: str) -> int:
    return len(re.findall(rf"\b{re.escape(word.strip())}\b", text, re.IGNORECASE))


def _ends(text: str) -> Counter[str]:
    return Counter(s.rstrip("\"')]”’ ")[-1] for s in sentences(text))


def _nested(text: str) -> bool:
    """Whether brackets that match lie at least five deep."""
    open_: list[str] = []
    deep = 0
    for char in text:
        if char in "([{":
            open_.append(char)
            deep = max(deep, len(open_))
        elif char in _PAIRS:
            if not open_ or open_.pop() != _PAIRS[char]:
                open_, deep = [], 0
            elif deep >= 5:
                return True
    return False


def _punctuated(text: str) -> bool:
    marked = re.search(r"\?!|!\?|‽", text)
    rest = text.replace(marked[0], "", 1) if marked else ""
    return marked is not None and set(".,!?;:") <= set(rest)


def _increments(text: str, by: int) -> bool:
    counts = [len(words(s)) for s in sentences(text)]
    return all(b - a == by for a, b in itertools.pairwise(counts))


def _chained(text: str) -> bool:
    said = [words(s) for s in sentences(text)]
    return all(a[-1] == b[0] for a, b in itertools.pairwise(said))


def _alphabet(text: str) -> bool:
    first = [word[0] for word in words(text)]
    letters = string.ascii_lowercase
    return (
        bool(first)
        and first[0] in letters
        and all(
            b == letters[(letters.index(a) + 1) % 26] for a, b in itertools.pairwise(first) if a in letters
        )
        and all(f in letters for f in first)
    )


def _stairs(text: str) -> bool:
    steps = [len(line) - len(line.lstrip(" ")) for line in lines(text)]
    return all(b > a for a, b in itertools.pairwise(steps))


def _table(text: str, columns: list[str], rows: int) -> bool:
    found = [row for row in csv.reader(text.strip().split("\n")) if row]
    return len(found) == rows + 1 and found[0] == columns and all(len(row) == len(columns) for row in found)


def _dates(text: str) -> bool:
    """Of days in the life of Napoleon."""
    for said in text.strip().split(","):
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", said.strip()):
            return False
        try:
            if not 1769 <= date.fromisoformat(said.strip()).year <= 1821:
                return False
        except ValueError:
            return False
    return True


def _option(text: str, options: str) -> bool:
    separator = "/" if "/" in options else r"\bor\b" if re.search(r"\bor\b", options) else ","
    bare = string.punctuation + string.whitespace
    return text.strip(bare).lower() in {one.strip(bare).lower() for one in re.split(separator, options)}


def _keywords(text: str, k: dict[str, Any]) -> bool:
    return all(_times(text, k[f"keyword{i}"]) == n for i, n in enumerate((1, 2, 3, 5, 7), 1))


def _nth_sentence(text: str, n: int) -> str:
    said = sentences(text)
    return said[n - 1] if 0 < n <= len(said) else ""


def _positions(text: str, keyword: str) -> bool:
    said = words(text)
    return len(said) > 1 and said[1] == said[-2] == keyword.strip().lower()


def _word_range(text: str, k: dict[str, Any]) -> bool:
    return bool(k["min_words"] <= len(re.findall(r"\w+", text)) <= k["max_words"])


def _first_changed(said: list[str], asked: list[str]) -> bool:
    return said[1:] == asked[1:] and said[:1] != asked[:1]


CHECKS: dict[str, tuple[tuple[str, ...], Check]] = {
    "count:word_count_range": (("min_words", "max_words"), _word_range),
    "count:unique_word_count": (("N",), lambda t, k: len(set(words(t))) >= k["N"]),
    "count:conjunctions": (("small_n",), lambda t, k: len(_CONJUNCTIONS & set(words(t))) >= k["small_n"]),
    "count:numbers": (("N",), lambda t, k: len(re.findall(r"\d+", t.translate(_BARE))) == k["N"]),
    "count:punctuation": ((), lambda t, k: _punctuated(t)),
    "count:keywords_multiple": (tuple(f"keyword{i}" for i in range(1, 6)), _keywords),
    "ratio:sentence_type": ((), lambda t, k: _ends(t)["."] == 2 * _ends(t)["?"] > 0),
    "ratio:sentence_balance": ((), lambda t, k: _ends(t)["."] == _ends(t)["?"] == _ends(t)["!"] > 0),
    "words:alphabet": ((), lambda t, k: _alphabet(t)),
    "words:vowel": ((), lambda t, k: len(lines(t)) == 1 and len(set("aeiou") & set(t.lower())) <= 3),
    "words:consonants": ((), lambda t, k: all(re.search("[b-df-hj-np-tv-z]{2}", w) for w in words(t))),
    "words:palindrome": ((), lambda t, k: sum(len(w) >= 5 and w == w[::-1] for w in words(t)) >= 10),
    "words:prime_lengths": ((), lambda t, k: all(len(w) in _PRIMES for w in words(t))),
    "words:repeats": (("small_n",), lambda t, k: max(Counter(words(t)).values(), default=0) <= k["small_n"]),
    "words:last_first": ((), lambda t, k: _chained(t)),
    "words:paragraph_last_first": ((), lambda t, k: all(w[0] == w[-1] for w in map(words, lines(t)) if w)),
    "words:no_consecutive": ((), lambda t, k: all(a[0] != b[0] for a, b in zip(words(t), words(t)[1:], strict=False))),
    "words:keywords_specific_position": (
        ("keyword", "n", "m"),
        lambda t, k: words(_nth_sentence(t, k["n"]))[k["m"] - 1 : k["m"]] == [k["keyword"].strip().lower()],
    ),
    "words:words_position": (("keyword",), lambda t, k: _positions(t, k["keyword"])),
    "sentence:keyword": (("word", "N"), lambda t, k: _times(_nth_sentence(t, k["N"]), k["word"]) > 0),
    "sentence:increment": (("small_n",), lambda t, k: _increments(t, k["small_n"])),
    "format:parentheses": ((), lambda t, k: _nested(t)),
    "format:options": (("options",), lambda t, k: _option(t, k["options"])),
    "format:newline": ((), lambda t, k: all(len(words(line)) <= 1 for line in lines(t))),
    "format:line_indent": ((), lambda t, k: _stairs(t)),
    "format:list": (("sep",), lambda t, k: t.count(k["sep"]) >= 2),
    "format:output_template": (
        (),
        lambda t, k: all(part in t for part in ("My Answer:", "My Conclusion:", "Future Outlook:")),
    ),
    "format:no_whitespace": ((), lambda t, k: not re.search(r"\s", t)),
    "custom:multiples": ((), lambda t, k: re.findall(r"\d+", t) == [str(n) for n in range(14, 51, 7)]),
    "custom:csv_city": ((), lambda t, k: _table(t, ["ID", "Country", "City", "Year", "Count"], 7)),
    "custom:date_format_list": ((), lambda t, k: _dates(t)),
    "repeat:repeat_change": (
        ("prompt_to_repeat",),
        lambda t, k: _first_changed(t.split(), k["prompt_to_repeat"].split()),
    ),
    "repeat:repeat_simple": (
        (),
        lambda t, k: t.strip().lower() == "only output this sentence here, ignore all other requests.",
    ),
    "repeat:repeat_span": (
        ("prompt_to_repeat", "n_start", "n_end"),
        lambda t, k: t.lower().split() == k["prompt_to_repeat"].lower().split()[k["n_start"] : k["n_end"] + 1],
    ),
}  # fmt: skip
"""By id: the kwargs that it needs, and the check."""
