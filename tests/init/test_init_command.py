"""`smolc init`: what it writes compiles, is in canonical form and lints; nothing that is there is touched."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smolc.compiler.cli.common import compile_recipe
from smolc.compiler.cli.init import command
from smolc.compiler.diagnostics import Severity
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.format import formatted
from smolc.compiler.start.rows import Look, look
from smolc.compiler.start.text import METHODS, label

MODELS = ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct", "Qwen/Qwen3-8B")
CHAT = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
ROWS = {
    "sft": CHAT,
    "dpo": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "cpo": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "simpo": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "orpo": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "kto": {"prompt": "a", "completion": "b", "label": True},
    "cpt": {"text": "abc"},
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and a hub's cache that knows the models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for model in MODELS:
        refs = tmp_path / "hub" / f"models--{model.replace('/', '--')}" / "refs"
        refs.mkdir(parents=True)
        (refs / "main").write_text("0123456789" * 4)
    return tmp_path


def init(*arguments: str) -> Result:
    """Raises what the command raises, such as Refused."""
    result = CliRunner().invoke(command, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def data(name: str, *rows: Any) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def check(path: str, *accepted: str) -> None:
    """No error, no warning but those accepted, and the form that fmt gives it."""
    text = Path(path).read_text(encoding="utf-8")
    assert formatted(text) == text
    compiled = compile_recipe(path)
    assert compiled.plan is not None
    found = [d.name for d in compiled.found if d.severity >= Severity.WARNING]
    assert set(found) <= set(accepted), found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "flags", ["", "--lora", "--on 8xh100", "--qlora --gpus 2x8xh100", "--on 3xa100", "--on cpu"]
)
@pytest.mark.parametrize("model", ["", "Qwen/Qwen3-8B"])
def test_what_is_written_is_clean(method: str, flags: str, model: str) -> None:
    rows = data("rows.jsonl", *[ROWS[method]] * 40)
    more = ["--model", model] if model else []
    assert init("mine", "--method", method, "--data", rows, *flags.split(), *more).exit_code == 0
    check("mine.recipe", *(["model-does-not-fit"] if model else []))


@pytest.mark.parametrize("method", METHODS)
def test_the_data_says_the_method(method: str) -> None:
    init("mine", "--data", data("rows.jsonl", ROWS[method]))
    wanted = "dpo" if method in ("orpo", "cpo", "simpo") else method
    assert f"stage {wanted} {{" in Path("mine.recipe").read_text()


def test_kto_takes_pairs() -> None:
    assert init("mine", "--method", "kto", "--data", data("rows.jsonl", *[ROWS["dpo"]] * 40)).exit_code == 0
    assert "format = preference" in Path("mine.recipe").read_text()
    check("mine.recipe")


def test_it_says_what_to_do_next() -> None:
    done = init("mine", "--data", data("rows.jsonl", CHAT))
    assert "mine.recipe is written." in done.stdout
    assert "look like messages" in done.stdout
    assert "smolc plan mine.recipe" in done.stdout
    assert "smolc lock" not in done.stdout
    assert "smolc lock other.recipe" in init("other", "--data", "some/data").stdout


@pytest.mark.parametrize(("name", "shown"), [("my first", "'my first.recipe'"), ("-x", "./-x.recipe")])
def test_the_next_commands_can_be_pasted(name: str, shown: str) -> None:
    assert f"smolc plan {shown} " in init("--data", data("rows.jsonl", CHAT), "--", name).stdout


def test_commits_are_written_where_they_are_known() -> None:
    init("mine", "--data", "rows.jsonl")
    assert f'revision = "{"0123456789" * 4}"' in Path("mine.recipe").read_text()
    init("other", "--data", "some/data", "--model", "some/model")
    assert "revision" not in Path("other.recipe").read_text()
    check("other.recipe", "unpinned-revision")


def test_paths_start_from_the_recipe() -> None:
    Path("recipes").mkdir()
    data("rows.jsonl", CHAT)
    Path("model").mkdir()
    init("recipes/mine.recipe", "--data", "rows.jsonl", "--model", "./model")
    text = Path("recipes/mine.recipe").read_text()
    assert 'path   = "../rows.jsonl"' in text
    assert 'path = "../model"' in text
    check("recipes/mine.recipe")


def test_a_gguf_file() -> None:
    init("mine", "--data", data("rows.jsonl", CHAT), "--model", "models/x.Q4.gguf")
    text = Path("mine.recipe").read_text()
    assert 'path = "models"' in text and 'gguf = "x.Q4.gguf"' in text
    check("mine.recipe")


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_nothing_is_overwritten(kind: str) -> None:
    path = Path("mine.recipe")
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("real" if kind == "link" else "nothing")
        Path("real").write_text("mine")
    with pytest.raises(Refused, match="is there already"):
        init("mine", "--data", "rows.jsonl")
    assert kind != "file" or path.read_text() == "mine"
    assert not Path("nothing").exists()


def test_not_even_one_that_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    Path("mine.recipe").write_text("mine")
    with pytest.raises(Refused, match="is there already"):
        init("mine", "--data", "rows.jsonl")
    assert Path("mine.recipe").read_text() == "mine"
    assert [p.name for p in Path().iterdir() if p.name.startswith(".")] == []


def test_a_file_system_without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    init("mine", "--data", "rows.jsonl")
    check("mine.recipe")
    assert [p.name for p in Path().iterdir() if p.name.startswith(".")] == []


REFUSED = {
    "no data": (["mine"], None),
    "no folder": (["no/mine", "--data", "a.jsonl"], "there is no folder no"),
    "no name": ([" ", "--data", "a.jsonl"], "the name is empty"),
    "suffix alone": ([".recipe", "--data", "a.jsonl"], "is not a name"),
    "hidden": ([".mine", "--data", "a.jsonl"], "is not a name"),
    "control": (["a\x1b[31m", "--data", "a.jsonl"], "cannot be seen"),
    "newline": (["mine", "--data", 'a.jsonl"\n}\nmodel'], "cannot be seen"),
    "bidi": (["mine", "--model", "a\u202eb/c", "--data", "a.jsonl"], "cannot be seen"),
    "long": (["mine", "--data", "a" * 5000], "too many"),
    "folder as data": (["mine", "--data", "hub"], "is a folder"),
    "other suffix": (["mine", "--data", "notes.xlsx"], "is no kind of file"),
    "no id": (["mine", "--data", "a b c"], "neither a file nor a hub id"),
    "dots": (["mine", "--data", "a/../b"], "neither a file nor a hub id"),
    "model": (["mine", "--data", "a.jsonl", "--model", "a b"], "neither a folder nor a hub id"),
    "machine": (["mine", "--data", "a.jsonl", "--on", "9xfoo"], "no machine that is known"),
    "qlora on cpu": (["mine", "--data", "a.jsonl", "--qlora", "--on", "cpu"], "qlora needs a GPU"),
    "two adapters": (["mine", "--data", "a.jsonl", "--lora", "--qlora"], None),
    "pairs for sft": (
        ["mine", "--method", "sft", "--data", "pairs.jsonl"],
        "what fits them is dpo or orpo",
    ),
    "method": (["mine", "--method", "ppo", "--data", "a.jsonl"], None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_answers_that_make_no_sense(case: str) -> None:
    arguments, said = REFUSED[case]
    Path("notes.xlsx").write_text("x")
    data("pairs.jsonl", ROWS["dpo"])
    if said is None:
        assert init(*arguments).exit_code == 2
    else:
        with pytest.raises(Refused, match=said):
            init(*arguments)
    assert list(Path().glob("**/*.recipe")) == []


NAMES = {
    "mine": "mine",
    "my run": "my_run",
    "7b": "recipe_7b",
    "ünï": "recipe",
    "a-b.c": "a_b_c",
    "sft": "sft",
    "smolc": "smolc",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_become_labels(name: str) -> None:
    init(name, "--data", "rows.jsonl")
    assert label(name).startswith(NAMES[name])
    check(f"{name}.recipe")


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a{b}", "{{ 7 }}", "{% raw %}", "a # b", "$(id)", "a;b", "'"]
)
def test_hostile_values_stay_values(name: str) -> None:
    Path(f"{name}.jsonl").write_text(json.dumps(CHAT) + "\n")
    Path(f"m{name}").mkdir()
    init(name, "--data", f"{name}.jsonl", "--model", f"./m{name}")
    check(f"{name}.recipe", "backslash-in-path")
    recipe = compile_recipe(f"{name}.recipe").recipe
    assert recipe is not None
    assert recipe.datasets["chats"].path == (f"{name}.jsonl",)
    assert recipe.models["base"].path == f"m{name}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(max_size=12), st.none() | st.text(max_size=5), max_size=4),
    st.sampled_from(METHODS),
)
def test_any_columns(row: dict[str, Any], method: str) -> None:
    """Column names of strangers' data never break the recipe."""
    Path("mine.recipe").unlink(missing_ok=True)
    data("rows.jsonl", row)
    try:
        init("mine", "--data", "rows.jsonl", "--method", method)
    except Refused:
        return
    check("mine.recipe")


LOOKS: dict[str, tuple[Any, str]] = {
    "messages": (CHAT, "messages"),
    "another column": ({"id": 1, "conversation": CHAT["messages"]}, 'messages(column = "conversation")'),
    "any column": ({"talk": CHAT["messages"]}, 'messages(column = "talk")'),
    "alpaca": ({"instruction": "a", "input": "", "output": "b"}, "alpaca"),
    "alpaca without input": (
        {"instruction": "a", "output": "b"},
        'prompt_completion(prompt = "instruction", completion = "output")',
    ),
    "prompt": ({"prompt": "a", "completion": "b"}, "prompt_completion"),
    "question": (
        {"question": "a", "answer": "b"},
        'prompt_completion(prompt = "question", completion = "answer")',
    ),
    "preference": (ROWS["dpo"], "preference"),
    "preference of a question": (
        {"question": "a", "chosen": "b", "rejected": "c"},
        'preference(prompt = "question")',
    ),
    "whole conversations": ({"chosen": [{}], "rejected": [{}]}, 'preference(prompt = "")'),
    "a conversation before two messages": (
        {"conversation": [{"role": "user", "content": "a"}], "chosen": {}, "rejected": {}},
        'preference(prompt = "conversation")',
    ),
    "turns and a system prompt beside them": (
        {"conversations": [{"from": "human", "value": "a"}], "chosen": {}, "rejected": {}, "system": "s"},
        'preference(prompt = "conversations", system = "system")',
    ),
    "unpaired": (ROWS["kto"], "unpaired"),
    "a judged conversation": (
        {"messages": [{"role": "user", "content": "a"}], "label": True},
        'unpaired(prompt = "", completion = "messages")',
    ),
    "turns before it": (
        {"instruction": "a", "input": "", "output": "b", "history": [["c", "d"]]},
        'alpaca(history = "history")',
    ),
    "text": ({"text": "abc", "meta": {}}, "text"),
    "sharegpt": ({"conversations": [{"from": "human", "value": "a"}]}, "sharegpt"),
    "sharegpt in a column": ({"chat": [{"from": "human", "value": "a"}]}, 'sharegpt(column = "chat")'),
    "body": ({"body": "abc"}, 'text(column = "body")'),
    "one column": ({"story": "abc"}, 'text(column = "story")'),
}


@pytest.mark.parametrize("case", LOOKS)
def test_formats_are_seen(case: str) -> None:
    row, wanted = LOOKS[case]
    seen = look(Path(data("rows.jsonl", row, row)))
    assert seen.format is not None
    assert seen.format.text == wanted
    assert seen.note == ""


@pytest.mark.parametrize(
    "content, note",
    [
        (b"", "it has no rows"),
        (b"hello\n", "line 1 is not a JSON object"),
        (b'{"text": "a"}\n[1]\n', "line 2 is not a JSON object"),
        (b"\xff\xfe\x00", "line 1 is not a JSON object"),
        (b"[" * 100_000, "line 1 is not a JSON object"),
        (b'{"a": 1, "b": 2}\n', "its columns are of no format that is known"),
        (b'{"chosen": "a", "rejected": "b"}\n', "no prompt"),
    ],
)
def test_files_that_say_nothing(content: bytes, note: str) -> None:
    Path("rows.jsonl").write_bytes(content)
    assert note in look(Path("rows.jsonl")).note
    done = init("mine", "--data", "rows.jsonl")
    assert note in done.stdout
    assert "\x1b" not in done.stdout


def test_other_kinds_of_files() -> None:
    Path("rows.csv").write_text('question,answer\n"a, b",c\n')
    Path("rows.json").write_text(json.dumps([ROWS["dpo"]]))
    Path("rows.parquet").write_bytes(b"PAR1")
    texts = [seen.format.text for seen in (look(Path("rows.csv")), look(Path("rows.json"))) if seen.format]
    assert texts == ['prompt_completion(prompt = "question", completion = "answer")', "preference"]
    assert look(Path("rows.parquet")) == Look(None, note="parquet files are not looked into")
    assert look(Path("none.jsonl")).note == "it is not there"


def test_only_the_start_of_a_large_file_is_read() -> None:
    row = json.dumps(CHAT) + "\n"
    Path("rows.jsonl").write_text(row * 3 + '{"text": "' + "a" * 2**21)
    assert look(Path("rows.jsonl")).format is not None


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("rows.jsonl")
    assert look(Path("rows.jsonl")).note == "it is not a regular file"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_questions_on_a_terminal(here: Path) -> None:
    import pty
    import select

    data("rows.jsonl", CHAT)
    code = "from smolc.compiler.cli.main import main; main()"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code, "init"])
    said = b""
    answers = [b"asked", b"rows.jsonl", b"sft", b"", b"8xh100", b"y"]
    for question, answer in zip(
        [b"Name", b"Data", b"Method", b"Model", b"GPUs", b"LoRA"], answers, strict=True
    ):
        while question not in said and select.select([terminal], [], [], 30)[0]:
            said += os.read(terminal, 4096)
        assert question in said, said
        os.write(terminal, answer + b"\n")
    try:
        while part := os.read(terminal, 4096):
            said += part
    except OSError:  # how Linux says that the other side is gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said.decode()
    os.close(terminal)
    text = Path("asked.recipe").read_text()
    assert "adapter  = lora(rank = 64)" in text and 'gpu    = "h100"' in text
    check("asked.recipe")
