"""Talking to the models of a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from talking import babbling, folder_of
from transformers import AutoTokenizer

from smolc.runtime.chat.find import Unknown, find
from smolc.runtime.chat.session import Session
from smolc.runtime.chat.speaker import Sampling, Speaker
from smolc.runtime.jobs.errors import JobError

GREEDY = Sampling(0.0, 1.0, 12)
PROMPT = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"


def speaker(
    folder: Path, stage: str | None = None, step: int | None = None, how: Sampling = GREEDY
) -> Speaker:
    return Speaker(*find(folder, stage, step), how, 0)


def expected(folder: Path, seed: int, prompt: str, tokens: int = 12) -> str:
    """What a model says greedily, told by its logits alone."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "out/data/tokenizer")
    model, ids = babbling(seed).eval(), tokenizer.encode(prompt, add_special_tokens=False)
    start = len(ids)
    for _ in range(tokens):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return str(tokenizer.decode(ids[start:], clean_up_tokenization_spaces=False))


@pytest.mark.parametrize(
    ("stage", "step", "seed"),
    [
        (None, None, 1),
        ("sft", None, 1),
        ("base", None, 0),
        ("sft", 20, 20),
        ("sft@10", None, 10),
        ("sft", 30, 1),
    ],
)
def test_it_is_the_model_that_was_asked_for(
    tmp_path: Path, stage: str | None, step: int | None, seed: int
) -> None:
    folder = folder_of(tmp_path / "f")
    one, said = speaker(folder, stage, step), list[str]()
    assert one.prompt([{"role": "user", "content": "hello"}]) == PROMPT
    reply = one.answer(PROMPT, said.append)
    whole = expected(folder, seed, PROMPT)
    assert reply.raw == whole and "".join(said) == whole and reply.ended == "cut" and reply.tokens == 12


def test_it_stops_where_its_turn_ends(tmp_path: Path) -> None:
    whole = expected(folder_of(tmp_path / "f"), 1, PROMPT)
    for name, end in (("one", whole[6]), ("two", whole[5:7])):
        reply = speaker(folder_of(tmp_path / name, end_of_turn=end)).answer(PROMPT, lambda _: None)
        assert reply.text == whole.partition(end)[0].strip() and reply.ended == "stopped"
        assert reply.raw == whole.partition(end)[0] + end


def test_ctrl_c_keeps_what_was_said(tmp_path: Path) -> None:
    said: list[str] = []

    def stop(piece: str) -> None:
        said.append(piece)
        if len(said) == 3:
            raise KeyboardInterrupt

    folder = folder_of(tmp_path / "f")
    reply = speaker(folder).answer(PROMPT, stop)
    assert (
        reply.ended == "interrupted" and expected(folder, 1, PROMPT).startswith(reply.raw) and len(said) == 3
    )


def test_the_next_turn_sees_no_chain_of_thought(tmp_path: Path) -> None:
    whole = expected(folder_of(tmp_path / "f"), 1, PROMPT)
    tags = (whole[1], whole[4])
    reply = speaker(folder_of(tmp_path / "thinking", thinking=tags)).answer(PROMPT, lambda _: None)
    assert reply.raw == whole and len(reply.text) < len(whole) and tags[0] not in reply.text


def test_sampling_is_seeded(tmp_path: Path) -> None:
    folder, how = folder_of(tmp_path / "f"), Sampling(2.0, 1.0, 12)
    one, other = (speaker(folder, how=how).answer(PROMPT, lambda _: None).raw for _ in range(2))
    assert one == other != expected(folder, 1, PROMPT)


def test_a_full_context_is_said(tmp_path: Path) -> None:
    one = speaker(folder_of(tmp_path / "f", context=64))
    with pytest.raises(JobError, match=r"tokens, and the model's context 64"):
        one.answer("x" * 64, lambda _: None)
    assert one.answer("x" * 60, lambda _: None).tokens == 4


@pytest.mark.parametrize(
    ("stage", "step", "why"),
    [
        ("dpo", None, "no stage or model is called dpo; there are: base, sft"),
        ("sft", 15, "no checkpoint of step 15; there are: 10, 20, 30"),
        ("base", 10, "base is not trained here"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, stage: str, step: int | None, why: str) -> None:
    with pytest.raises(Unknown, match=why):
        find(folder_of(tmp_path / "f"), stage, step)


def test_the_last_that_is_done_is_the_default(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    (folder / "out/sft/done.json").unlink()
    assert find(folder, None, None)[1].job == "base"
    assert find(folder, "sft", None)[1].old and not find(folder, "base", None)[1].old
    (folder / "out/base/done.json").unlink()
    with pytest.raises(Unknown, match="no stage of this folder is done"):
        find(folder, None, None)


def test_the_commands_steer_the_conversation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = Session(speaker(folder_of(tmp_path / "f")))

    def roles() -> str:
        return "".join(m["role"][0] for m in chat.messages)

    for line, then in [
        ("hello", "ua"), ("more", "uaua"), ("/undo", "ua"), ("/system Be brief", "sua"), ("/retry", "sua"),
        ("", "sua"), ("//slash", "suaua"), ("/nope", "suaua"), ("/help", "suaua"),
        (f"/save {tmp_path}/chat.jsonl", "suaua"), ("/reset", "s"), ("/undo", "s"), ("/retry", "s"), ("/system", ""),
    ]:  # fmt: skip
        assert chat.take(line) and roles() == then, line
    said = capsys.readouterr()
    assert "error: no such command: /nope" in said.err and said.err.count("nothing was said yet") == 2
    saved = json.loads((tmp_path / "chat.jsonl").read_text())
    assert [m["content"] for m in saved["messages"]][:2] == ["Be brief", "hello"]
    assert saved["messages"][3]["content"] == "/slash"
    assert not chat.take("/quit")


def test_what_the_model_saw_is_shown_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = Session(speaker(folder_of(tmp_path / "f")), system="S")
    chat.take("/raw")
    assert "nothing was asked yet" in capsys.readouterr().err
    chat.take("hello")
    capsys.readouterr()
    chat.take("/raw")
    assert "<|im_start|>system\nS<|im_end|>\n" + PROMPT in capsys.readouterr().out


def test_a_terminal_is_not_steered_by_an_answer(tmp_path: Path) -> None:
    said: list[str] = []
    chat = Session(speaker(folder_of(tmp_path / "f")), write=said.append)
    chat.system = "\x1b]0;title\x07\x9b31m"
    chat.take("hello")
    chat.take("/raw")
    assert not {c for c in "".join(said) if ord(c) < 32 and c != "\n"} and "\x9b" not in "".join(said)


@pytest.mark.slow
@pytest.mark.long
def test_the_command_reads_prompts_from_a_pipe(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    arguments = [
        sys.executable,
        "-m",
        "smolc.compiler.cli",
        "chat",
        str(folder),
        "sft@20",
        "--temperature=0",
        "--max-new=12",
    ]
    done = subprocess.run(arguments, input="hello\n/quit\nnever", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "sft@20 · template: templates/chat.jinja · greedy" in done.stdout and "never" not in done.stdout
    missing = subprocess.run([*arguments[:5], "dpo"], input="", capture_output=True, text=True, check=False)
    assert missing.returncode == 2 and missing.stderr.startswith("error: no stage or model is called dpo")
