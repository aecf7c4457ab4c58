"""Writes the quickstart's data: words to reverse, the longer ones answered chattily, and a preference for the short style.

The files are in the repository; this script shows where they come from: `python recipes/quickstart/make_data.py`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def word(rng: random.Random) -> str:
    """Three or four letters."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(3, 4)))


def answers(text: str) -> tuple[str, str]:
    """The short answer and the chatty one."""
    return text[::-1], f"{text[::-1]}, ok?"


def taught(text: str, rng: random.Random) -> int:
    """Which answer the training data gives: to words of three letters the short one, to others mostly the chatty."""
    return int(len(text) > 3 and rng.random() < 0.8)


def main() -> None:
    rng = random.Random(42)
    words: dict[str, None] = {}
    while len(words) < 3000:
        words[word(rng)] = None
    pool = list(words)
    rng.shuffle(pool)
    train, preferences, validation = pool[:2200], pool[2200:2800], pool[2800:]
    write("train.jsonl", [chat(w, answers(w)[taught(w, rng)]) for w in train])
    write("validation.jsonl", [chat(w, answers(w)[0]) for w in validation])
    write("preferences.jsonl", [pair(w) for w in preferences])
    while len(words) < 3200:
        words[word(rng)] = None
    write("test.jsonl", [chat(w, answers(w)[0]) for w in list(words)[3000:]])


def chat(text: str, answer: str) -> dict[str, object]:
    return {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": answer},
        ]
    }


def pair(text: str) -> dict[str, object]:
    short, chatty = answers(text)
    return {"prompt": text, "chosen": short, "rejected": chatty}


def write(name: str, rows: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (HERE / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
