from __future__ import annotations

from pathlib import Path

import pytest
from compiling import SMALL, compiled, job, planned

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.resolve import resolve


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.recipe").write_text(text, encoding="utf-8")


def found_in(folder: Path, text: str, *overrides: str) -> list[Diagnostic]:
    return compiled(folder, text, *overrides)[1]


def test_a_child_replaces_keys_and_keeps_the_rest(tmp_path: Path) -> None:
    write(tmp_path, parent=SMALL)
    made = planned(tmp_path, 'extends "parent.recipe"\nstage sft { optim = adamw(lr = 3e-5) }\n')
    body = job(made, "sft").body
    assert body["optimizer"]["lr"] == 3e-5
    assert body["batch"]["global_sequences"] == 32


def test_grandparents(tmp_path: Path) -> None:
    write(tmp_path, top=SMALL, middle='extends "top.recipe"\nstage sft { batch = 16seq }\n')
    made = planned(tmp_path, 'extends "middle.recipe"\nstage sft { length = 2epoch }\n')
    body = job(made, "sft").body
    assert (body["batch"]["global_sequences"], body["duration"]["epochs"]) == (16, 2.0)


def test_drop_removes_what_a_parent_declares(tmp_path: Path) -> None:
    write(tmp_path, parent=SMALL)
    made = planned(tmp_path, 'extends "parent.recipe"\ndrop stage dpo\neval final { of = [base, sft] }\n')
    assert "dpo" not in [j.id for j in made.jobs]


def test_drop_inside_a_block(tmp_path: Path) -> None:
    parent = SMALL.replace("chats = all;", "chats = all; pairs = all;").replace("; format = preference", "")
    write(tmp_path, parent=parent)
    text = 'extends "parent.recipe"\ndrop stage dpo\nmixture talk { drop key pairs }\neval final { of = [base] }\n'
    assert len(job(planned(tmp_path, text), "sft-data").body["sources"]) == 1


def test_drop_of_a_block_without_a_label(tmp_path: Path) -> None:
    sweep = "stage sft { sweep { optim.lr = [1e-5, 3e-5]; pick = min(eval_loss) } }\n"
    write(tmp_path, small=SMALL, parent=f'extends "small.recipe"\n{sweep}')
    made = planned(tmp_path, 'extends "parent.recipe"\n')
    assert "sft-lr-3e-5" in [j.id for j in made.jobs]
    made = planned(tmp_path, 'extends "parent.recipe"\nstage sft { drop key sweep }\n')
    assert "sft" in [j.id for j in made.jobs]


def test_dropping_what_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, parent=SMALL)
    found = found_in(tmp_path, 'extends "parent.recipe"\ndrop stage dop\n')
    assert [(d.name, d.help) for d in found] == [("nothing-to-drop", "did you mean `dpo`?")]


def test_recipes_that_extend_each_other(tmp_path: Path) -> None:
    write(tmp_path, parent='extends "case.recipe"\n')
    found = found_in(tmp_path, 'extends "parent.recipe"\n' + SMALL)
    assert [d.name for d in found] == ["extends-cycle"]
    assert "case.recipe -> parent.recipe -> case.recipe" in found[0].message


def test_a_missing_parent_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    found = found_in(tmp_path, 'extends "none.recipe"\n' + SMALL)
    assert len(found) == 1
    assert found[0].span is not None and found[0].span.text == '"none.recipe"'


def test_what_a_missing_parent_may_have_declared_is_not_missed(tmp_path: Path) -> None:
    found = found_in(
        tmp_path, 'extends "none.recipe"\ndrop dataset spare\nstage.other.batch = 8seq\n' + SMALL
    )
    assert [d.name for d in found] == ["not-found"]


def test_a_parent_that_is_no_recipe_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret.env").write_text("TOKEN=hunter2\n")
    found = found_in(tmp_path, 'extends "secret.env"\n' + SMALL)
    assert [d.name for d in found] == ["not-a-recipe"]
    assert "hunter2" not in str([(d.message, d.notes, d.help) for d in found])


def test_a_parent_that_is_a_link_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "loop.recipe").symlink_to("loop.recipe")
    found = found_in(tmp_path, 'extends "loop.recipe"\n' + SMALL)
    assert [d.name for d in found] == ["not-readable"]
    assert found[0].span is not None and found[0].span.text == '"loop.recipe"'


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("sft.optim.lr=1e-3", ("sft", "optimizer", "lr"), 1e-3),
        ("stage.sft.optim.lr = 1e-3", ("sft", "optimizer", "lr"), 1e-3),
        ("sft.schedule.warmup=10%", ("sft", "schedule", "warmup"), 0.1),
        ("sft.packing.length=1Ki", ("sft", "length", None), 1024),
        ("sft.optim=sgd(lr=0.1)", ("sft", "optimizer", "type"), "sgd"),
        ("recipe.seed=7", ("sft", "seed", None), 7),
        ("dpo.method.beta=0.5", ("dpo", "loss", "beta"), 0.5),
        ("final.task.words.subset=5", ("final", "tasks", None), 5),
    ],
)
def test_overrides(tmp_path: Path, override: str, where: tuple[str, str, str | None], value: object) -> None:
    body = job(planned(tmp_path, SMALL, override), where[0]).body
    got = body[where[1]] if where[2] is None else body[where[1]][where[2]]
    assert (got[0]["subset"] if where[1] == "tasks" else got) == value


@pytest.mark.parametrize(
    ("override", "name", "help"),
    [
        ("sfr.optim.lr=1e-3", "unknown-path", "did you mean `sft`?"),
        ("stage.sfr.optim.lr=1e-3", "unknown-path", "did you mean `stage.sft`?"),
        ("sft.optim.lrr=1e-3", "unknown-key", "did you mean `lr`?"),
        ("sft.bacth=4seq", "unknown-key", "did you mean `batch`?"),
        ("sft=3", "unknown-path", "a path is `stage.sft.optim.lr`: kind, label, key"),
        ("sft.batch", "bad-override", None),
        ("chat.builtin=chatml", "", None),
        ("sft.optim.lr=50", "out-of-range", None),
    ],
)
def test_overrides_that_do_not_fit(tmp_path: Path, override: str, name: str, help: str | None) -> None:
    found = found_in(tmp_path, SMALL, override)
    if not name:
        assert not found
        return
    assert len(found) == 1
    if name != "bad-override":
        assert found[0].name == name
    assert found[0].span is not None and found[0].span.source.name == "--set"
    assert help is None or found[0].help == help


def test_an_override_shows_where_in_it_the_mistake_is(tmp_path: Path) -> None:
    found = found_in(tmp_path, SMALL, "sft.optim.lr=50")
    assert found[0].span is not None and str(found[0].span) == "--set:1:14"


def test_a_brace_too_early_is_one_report(tmp_path: Path) -> None:
    text = SMALL.replace("  init = base\n  method = sft\n", "  init = base }\n  method = sft\n", 1)
    text = text.replace("  batch = 32seq\n}\n", "  batch = 32seq\n")
    found = [d for d in found_in(tmp_path, text) if d.name == "unknown-path"]
    (one,) = found
    assert one.message == "there is no block named `method`"
    assert [label.text for label in one.labels] == ["`stage sft` ends here"]
    assert one.help == "write it before this `}`, or name the block: `stage.sft.method = ...`"


def test_overrides_that_are_none_are_each_reported(tmp_path: Path) -> None:
    text = f"{SMALL}a = 1\nb = 2\nsfr.batch = 3\nc.d = 4\n"
    found = found_in(tmp_path, text)
    assert [d.message.split("`")[1] for d in found if d.name == "unknown-path"] == ["a", "sfr", "c"]


def test_one_label_of_two_kinds_must_be_told_apart(tmp_path: Path) -> None:
    text = SMALL.replace("template chat", "template talk").replace("template = chat", "template = talk")
    found = found_in(tmp_path, text, "talk.holdout=5%")
    assert [d.name for d in found] == ["ambiguous-path"]
    assert not found_in(tmp_path, text, "mixture.talk.holdout=5%")


def test_every_file_that_was_read_is_known(tmp_path: Path) -> None:
    write(tmp_path, parent=SMALL, case='extends "parent.recipe"\n')
    resolved, _ = resolve(tmp_path / "case.recipe")
    assert resolved is not None
    assert [f.name for f in resolved.files] == ["case.recipe", "parent.recipe"]


@pytest.mark.parametrize("kind", ["stage sft", "mixture talk", "eval final", "dataset chats"])
def test_drop_as_a_block(kind: str, tmp_path: Path) -> None:
    write(tmp_path, parent=SMALL)
    found = found_in(tmp_path, f'extends "parent.recipe"\n{kind} {{ drop key {{ a = 1 }} }}\n')
    assert [(d.code, d.help) for d in found] == [("R004", "write `drop key NAME`")]
