"""Who meets whom, on which side and in which order."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations

from smolc.runtime.arena.answers import Answer, Prompt


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt. key: a hash of all that is shown, by which a vote is found again."""

    key: str
    prompt: Prompt
    left: str
    right: str

    def answer(self, model: str) -> Answer:
        return self.prompt.answers[model]


def pairs_of(prompts: Iterable[Prompt], seed: int) -> list[Pair]:
    """Every two different answers to the same prompt, so ordered that after any number of votes all models have met
    about as often, and so that each stands about as often on the left. The same for the same answers and seed."""
    draw = random.Random(seed)
    waiting: dict[tuple[str, str], list[Prompt]] = {}
    for prompt in prompts:
        for one, other in combinations(sorted(prompt.answers), 2):
            if prompt.answers[one].turns != prompt.answers[other].turns:
                waiting.setdefault((one, other), []).append(prompt)
    for group in waiting.values():
        draw.shuffle(group)
    met, lefts, shown = Counter[str](), Counter[str](), Counter[int]()
    found = []
    while waiting:
        # Who met least so far; of equals any.
        both = min(
            waiting,
            key=lambda pair: (met[pair[0]] + met[pair[1]], max(met[pair[0]], met[pair[1]]), draw.random()),
        )
        group = waiting[both]
        prompt = min(group, key=lambda one: shown[id(one)])
        group.remove(prompt)
        if not group:
            del waiting[both]
        left, right = both if draw.random() < 0.5 else both[::-1]
        if lefts[left] - lefts[right] >= 1:  # a coin, but for models that stood there more often
            left, right = right, left
        lefts.update({left: 1, right: -1})
        met.update(both)
        shown[id(prompt)] += 1
        found.append(Pair(key_of(prompt, *both), prompt, left, right))
    return found


def key_of(prompt: Prompt, one: str, other: str) -> str:
    """Whatever order the two are given in."""
    said = [[model, asdict(prompt.answers[model])] for model in sorted((one, other))]
    text = json.dumps([prompt.task, prompt.id, prompt.messages, prompt.follow_ups, said], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
