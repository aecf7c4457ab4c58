"""`merge` in an editor: completion, renaming, and where names lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from around import HEAD
from marked import marked

from smolc.compiler.editor.complete import complete
from smolc.compiler.editor.rename import edited, rename

MERGED = HEAD + "merge soup { of = [sft, base] }\n"


def labels(folder: Path, text: str) -> list[str]:
    path, offset, texts = marked(folder, text)
    return [item.label for item in complete(path, offset, texts)]


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        ("merge arc {\n  ‸", {"of", "method", "like", "checkpoints"}, {"init"}),
        ("merge arc { of = [‸] }", {"soup", "sft", "sft.best", "base"}, {"arc", "talk"}),
        ("merge arc { method = ‸ }", {"linear(...)", "slerp(...)", "soup"}, {"sft"}),
        ("merge arc { method = slerp(‸) }", {"at"}, {"weights"}),
        ("stage more { init = ‸ }", {"soup", "sft"}, {"talk"}),
        ("eval last { of = [‸] }", {"soup"}, set()),
        ("eval last { of = soup; tasks = [ifeval]; expect {\n ‸", {"soup"}, set()),
        ("mer‸", {"merge"}, set()),
        ("merge.‸", {"soup"}, {"sft"}),
        ("soup.‸ = 1", {"of", "like"}, {"init"}),
    ],
)
def test_what_is_offered(text: str, there: set[str], not_there: set[str], tmp_path: Path) -> None:
    found = set(labels(tmp_path, MERGED + text))
    assert there <= found
    assert not found & not_there


def test_every_mention_is_renamed(tmp_path: Path) -> None:
    text = (
        HEAD
        + "merge so‸up { of = [sft, base] }\n"
        + "merge arc { of = [soup, base]; like = soup; method = slerp(50%) }\n"
        + "stage more { init = soup; method = dpo(reference = soup); data = pairs }\n"
        + "eval last { of = soup; tasks = [ifeval]; expect { soup.ifeval >= 60% } }\n"
        + "merge.soup.checkpoints = all\n"
    )
    path, offset, texts = marked(tmp_path, text)
    made = edited(rename(path, offset, "mean", texts), "mean")
    (new,) = made.values()
    assert new == text.replace("‸", "").replace("soup", "mean")
