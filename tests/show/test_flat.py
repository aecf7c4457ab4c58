"""One self-contained text for any recipe: the same plan, the same findings, no parents."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.cli.common import Compiled, compile_recipe
from smolc.compiler.cli.show import flat_text
from smolc.compiler.compare.changes import compare
from smolc.compiler.compare.side import Side
from smolc.compiler.diagnostics import Severity
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.format import formatted

REPO = Path(__file__).parents[2]
RECIPES = sorted((REPO / "recipes").glob("*.recipe"))

BASE = """\
# A parent.
smolc 1

recipe base { about = "base" }

model start {
  scratch   = llama(layers = 1, hidden = 16, heads = 2)
  tokenizer = bytes(["<pad>", "<|im_start|>", "<|im_end|>"])
}

dataset chats { path = "data/chats.jsonl" }
dataset hub {
  hub      = "HuggingFaceTB/smoltalk"
  revision = "main"  # lint: allow(unpinned-revision) -- the branch is what is meant
}
dataset pairs {
  path = [
    "data/pairs.jsonl",  # ours
    "../other/pairs.jsonl",
  ]
  format = preference
}

# What is trained on.

mixture talk {
  chats   = all
  holdout = 10%  # of the rows
  from hub { everyday = share(20%); "a b" = take(5%) }
}

template chat { file = "chat/chat.jinja"; thinking = tags("<a>", "</a>") }

stage sft {
  init     = start
  method   = sft(loss_on = completion)
  data     = talk
  template = chat
  packing  = best_fit(length = 1Ki)
  batch    = 32seq
  optim    = adamw(lr = 2e-5)  # a rate
  sweep {
    optim.lr = [1e-5, 2e-5]
    pick     = min(eval_loss)
  }
}

stage dpo {
  init   = sft.best
  method = dpo
  data   = pairs
  # lint: allow(dpo-lr-not-below-sft) -- for the test
  optim  = adamw(lr = 2e-5)
}

eval final {
  of     = [start, dpo]
  decode = sample
  tasks  = [ifeval(avg = 4)]
  expect { dpo.ifeval>=60% }
}
"""
JINJA = 'a "quoted" \\n line  \n\n\t{{ messages }}"""'

# Statements for the two files in between, and for --set; of each line, none or one is taken.
CHOICES = (
    ("stage.sft.batch = 64seq", "stage sft { batch = 16seq }"),
    ("stage.sft.optim.lr = 1e-5", "stage sft { optim = sgd }", "stage.sft.optim.clip = 0.5"),
    ("stage.sft.schedule.warmup = 1%", "stage sft { schedule = linear(warmup = 10step) }"),
    ("stage.dpo.optim.lr = 1e-6", "stage dpo { optim = adamw(lr = 1e-6)  # lower\n}"),
    ("stage.dpo.method.beta = 0.2", "stage dpo { method = orpo }"),
    ('template.chat.thinking.close = "</b>"', "template.chat.thinking.open = \"<b>\""),
    ('template chat { file = "mine.jinja" }', 'template chat { enable_thinking = true }'),
    ("mixture talk { chats = share(10%, at_most = 3epoch) }",),
    ("mixture.talk.from.hub.everyday = take(1%)", 'mixture.talk.from.hub."a b" = all'),
    ('dataset chats { path = "mine.jsonl" }', 'dataset new { path = "new.jsonl" }'),
    ("stage.sft.sweep.optim.lr = [1e-5, 5e-5, 1e-4]",),
    ("cluster small { processes = 2 }", 'recipe mine { about = """\n  Two\n  lines\n  """ }'),
    ('model.start.tokenizer.special = ["<pad>", "<s>", "<|im_end|>"]',),
    ('model other { path = "weights"; tokenizer = path("tok") }',),
)  # fmt: skip

chosen = st.tuples(*(st.sampled_from(("", *line)) for line in CHOICES)).map(lambda t: tuple(filter(None, t)))


def joined(lines: tuple[str, ...]) -> str:
    """Statements as a file has them: one block for each head, and overrides behind them."""
    blocks: dict[str, list[str]] = {}
    for line in lines:
        head, brace, body = line.partition(" { ")
        blocks.setdefault(head if brace else "", []).append(body.removesuffix("}") if brace else line)
    said = [f"{head} {{\n{chr(10).join(body)}\n}}" for head, body in blocks.items() if head]
    return "\n".join([*said, *blocks.get("", ())]) + "\n"


def written(folder: Path, middle: tuple[str, ...], child: tuple[str, ...]) -> Path:
    """base/deep/base.recipe <- middle/middle.recipe <- child.recipe"""
    files = {
        "base/deep/base.recipe": BASE,
        "base/deep/chat/chat.jinja": JINJA,
        "middle/mine.jinja": "{{ middle }}\n",
        "mine.jinja": "{{ child }}",
        "middle/middle.recipe": 'extends "../base/deep/base.recipe"\n' + joined(middle),
        "child.recipe": '# The child.\nextends "middle/middle.recipe"\n' + joined(child),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "child.recipe"


def compiled(path: Path, text: str | None = None, *overrides: str) -> Compiled:
    return compile_recipe(str(path), overrides, texts=None if text is None else {path.resolve(): text})


def side(made: Compiled) -> Side:
    assert made.resolved and made.recipe and made.plan
    return Side(made.resolved, made.recipe, made.plan)


def reported(made: Compiled) -> Counter[tuple[str, str]]:
    return Counter((d.name, d.message) for d in made.found if d.severity is not Severity.INFO)


@settings(max_examples=8, deadline=None)
@given(chosen, chosen, chosen)
def test_some_chains(middle: tuple[str, ...], child: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    check(middle, child, overrides)


@pytest.mark.slow
@pytest.mark.long
@settings(max_examples=200, deadline=None)
@given(chosen, chosen, chosen)
def test_many_chains(middle: tuple[str, ...], child: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    check(middle, child, overrides)


def check(middle: tuple[str, ...], child: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    sets = tuple(one for one in overrides if " {" not in one and not one.startswith("drop"))
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), middle, child)
        before = compiled(path, None, *sets)
        if before.plan is None or any(d.severity is Severity.ERROR for d in before.found):
            with pytest.raises(SystemExit):
                flat_text(str(path), sets, None)
            return
        text, new = flat_text(str(path), sets, None)
        # Nothing but the text is needed.
        for name in ("base", "middle", "mine.jinja"):
            target = Path(folder) / name
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        after = compiled(path, text)
        assert after.plan == before.plan
        assert compare(side(before), side(after)).same
        more = reported(after) - reported(before)
        assert more == Counter((d.name, d.message) for d in new)
        # Only the recipe's own file is told what it does not use.
        assert {name for name, _ in more} <= {"unused-data", "unused-template"}
        assert "extends" not in text and "drop" not in text.split()
        assert formatted(text) == text


ALONE = [path for path in RECIPES if "\nextends " not in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", ALONE, ids=lambda p: p.stem)
def test_a_recipe_without_parents_is_its_formatted_self(path: Path) -> None:
    assert flat_text(str(path), (), None)[0] == formatted(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_what_is_set_is_folded_in(path: Path) -> None:
    text, new = flat_text(str(path), ("recipe.seed=7",), None)
    before, after = compiled(path, None, "recipe.seed=7"), compiled(path, text)
    assert after.plan == before.plan and before.plan != compiled(path).plan
    assert new == []


def test_comments_go_where_their_statements_go(tmp_path: Path) -> None:
    child = (
        "stage dpo { optim = adamw(lr = 1e-6)  # lower\n}",
        "stage.sft.optim.clip = 0.5  # less",
        "# the end",
    )
    text = flat_text(str(written(tmp_path, (), child)), (), None)[0]
    assert text.startswith("# The child.\nsmolc 1\n")
    assert "# A parent." not in text, "a parent's header speaks of the parent"
    assert "# What is trained on.\n\nmixture talk {" in text
    assert "holdout = 10%  # of the rows\n" in text
    assert '    "base/deep/data/pairs.jsonl",  # ours\n    "base/other/pairs.jsonl",\n' in text
    assert "optim  = adamw(lr = 1e-6)  # lower\n" in text
    assert "lint: allow(dpo-lr-not-below-sft)" not in text, "it would suppress nothing now"
    assert "lint: allow(unpinned-revision) -- the branch is what is meant" in text
    assert "  # a rate\n  optim    = adamw(lr = 2e-5, clip = 0.5)  # less\n" in text
    assert text.endswith("}\n\n# the end\n")


def test_what_no_text_can_say_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, (), ())
    (tmp_path / "base/deep/chat/chat.jinja").write_text("a\0b", encoding="utf-8")
    with pytest.raises(Refused, match="the flat text does not compile"):
        flat_text(str(path), (), None)
