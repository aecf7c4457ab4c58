"""Half-written texts: every question has an answer, and the only refusal is one in words."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from around import HEAD

from smolc.compiler.editor.chain import opened
from smolc.compiler.editor.complete import complete
from smolc.compiler.editor.hover import hover
from smolc.compiler.editor.navigate import definition, folds, references, symbols
from smolc.compiler.editor.rename import CannotRename, rename
from smolc.compiler.editor.review import fixes, review

JUNK = ["", "{", "}", "(", ")", "[", '"', '"""', "=", ".", ",", "#", "\n", "🙂", "\x00", "\u202e", "drop ", "sft.", " >= ",
        "1e", "-", 'extends "base.recipe"\n', 'extends "case.recipe"\n', "stage x {", "# lint: allow("]  # fmt: skip


def torn(rng: random.Random) -> str:
    text = HEAD if rng.random() < 0.5 else 'extends "base.recipe"\n' + HEAD.replace("sft", "dpo")
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(JUNK) + text[at + rng.choice([0, 1, 3, 40]) :]
    return text


@pytest.mark.parametrize("seed", range(8))
def test_torn_texts(seed: int) -> None:
    rng = random.Random(seed)
    path, base = Path("/nowhere/case.recipe"), Path("/nowhere/base.recipe")
    for _ in range(10):
        text = torn(rng)
        texts = {path: text, base: HEAD}
        one = opened(path, texts)
        assert one is not None
        assert all(s.span.start <= s.head.start <= s.head.end <= s.span.end for s in symbols(one))
        assert all(first < last for first, last in folds(one))
        for offset in sorted(rng.sample(range(len(text) + 1), 4)):
            for item in complete(path, offset, texts):
                assert item.start is not None and item.end is not None and item.start <= offset <= item.end
            shown = hover(path, offset, texts)
            assert shown is None or shown.start <= offset <= shown.end
            places = [*definition(path, offset, texts), *references(path, offset, texts, list(texts))]
            assert all(0 <= p.span.start <= p.span.end <= len(texts[p.path]) for p in places)
        try:
            rename(path, offset, "zzz", texts, list(texts))
        except CannotRename as refused:
            assert str(refused)
        for report in review(path, texts):
            assert 0 <= report.start <= report.end <= len(text)
            list(fixes(report))
