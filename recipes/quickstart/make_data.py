"""Writes the quickstart's data: words to reverse, answered in two styles, and a preference for the short one.

The files are in the repository; this script shows where they come from: `python recipes/quickstart/make_data.py`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
CONSONANTS, VOWELS = "bcdfghklmnprstvz", "aeiou"


def word(rng: random.Random) -> str:
    """Three to five letters, consonants and vowels in turn."""
    first = rng.random() < 0.5
    return "".join(
        rng.choice(CONSONANTS if (i % 2 == 0) == first else VOWELS) for i in range(rng.choice((3, 4, 4, 5, 5)))
    )


def answers(text: str) -> tuple[str, str]:
    """The short answer and the chatty one."""
    return text[::-1], f"Sure! It is {text[::-1]}."


def main() -> None:
    rng = random.Random(42)
    words: dict[str, None] = {}
    while len(words) < 3000:
        words[word(rng)] = None
    pool = list(words)
    rng.shuffle(pool)
    train, preferences, test = pool[:2200], pool[2200:2800], pool[2800:]
    write("train.jsonl", [chat(w, rng.choice(answers(w))) for w in train])
    write("test.jsonl", [chat(w, answers(w)[0]) for w in test])
    write("preferences.jsonl", [pair(w) for w in preferences])


def chat(text: str, answer: str) -> dict[str, object]:
    return {
        "messages": [
            {"role": "user", "content": f"reverse {text}"},
            {"role": "assistant", "content": answer},
        ]
    }


def pair(text: str) -> dict[str, object]:
    short, chatty = answers(text)
    return {"prompt": f"reverse {text}", "chosen": short, "rejected": chatty}


def write(name: str, rows: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (HERE / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
