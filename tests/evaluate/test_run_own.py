"""Own rows through real lm-eval on tiny real models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from evaluated import SPECIAL, TEMPLATE, WORDS, compiled, outputs, own_task, save_model, subject, write_rows

from smolc.runtime.evaluate.run import run
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train.scratch import bytes_tokenizer

END = 258  # <|im_end|>, after 256 bytes, <pad> and <|im_start|>

LAST_NUMBER = {"type": "last_number", "marker": None}
ONLY_C = {"column": "answer", "operator": "==", "value": "c"}
GONE = {"type": "files", "paths": ["gone.jsonl"]}


def prompt(word: str) -> str:
    return f"<|im_start|>user\nReverse {word}<|im_end|>\n<|im_start|>assistant\n"


def teach(folder: Path, job: str, pairs: list[tuple[str, str]]) -> None:
    """A model that has learned what to say after each of these prompts, by heart."""
    model = save_model(folder, job, layers=2, hidden=64)
    tokenizer = bytes_tokenizer(("<pad>", "<|im_start|>", "<|im_end|>"), 256)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids, labels = [], []
    for before, after in pairs:
        start, end = tokenizer.encode(before), tokenizer.encode(after)
        ids.append(start + end)
        labels.append([-100] * len(start) + end)
    width = max(map(len, ids))
    mask = torch.tensor([[1] * len(i) + [0] * (width - len(i)) for i in ids])
    batch = torch.tensor([i + [256] * (width - len(i)) for i in ids])
    wanted = torch.tensor([i + [-100] * (width - len(i)) for i in labels])
    for _ in range(500):
        loss = model(batch, attention_mask=mask, labels=wanted).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss < 0.01:
            break
    assert loss < 0.01
    model.save_pretrained(folder / "out" / job / "model")


def test_batches_answer_as_one_by_one(tmp_path: Path) -> None:
    model = save_model(tmp_path, "base", seed=5, layers=2, sharpness=4.0)
    context = compiled(tmp_path, [own_task()], [subject("base")])
    run(context)
    results, samples = outputs(context)
    tokenizer = bytes_tokenizer(("<pad>", "<|im_start|>", "<|im_end|>"), 256)
    assert [s["prompt"] for s in samples] == [prompt(word) for word in WORDS]
    assert len({s["answer"] for s in samples}) == len(WORDS)
    for sample in samples:
        ids = torch.tensor([tokenizer.encode(sample["prompt"])])
        out = model.generate(ids, max_new_tokens=12, do_sample=False, eos_token_id=END)[0, ids.shape[1] :]
        said = out[out != END]
        assert sample["answer"] == tokenizer.decode(said)
        assert sample["tokens"] == len(said)
    row, *_ = results["rows"]
    assert (row["model"], row["task"], row["metric"], row["n"], row["k"]) == (
        "base",
        "words",
        "exact_match",
        8,
        1,
    )
    assert row["stopped"] == sum(s["stopped"] for s in samples) / 8
    assert results["templates"]["base"]["template"] == "templates/chatml.jinja"
    assert results["versions"]["lm-eval"]
    assert context.result_of("final")["scores"]["base.words"] == row["value"]
    assert json.loads((context.out / "progress.jsonl").read_text().splitlines()[-1])["done"] == 1


@pytest.mark.slow
def test_learned_answers_are_right_and_end(tmp_path: Path) -> None:
    learned = WORDS[:6]
    teach(tmp_path, "sft", [(prompt(w), w[::-1] + "<|im_end|>") for w in learned])
    save_model(tmp_path, "base")
    write_rows(tmp_path, [{"question": f"Reverse {w}", "answer": w[::-1]} for w in learned])
    context = compiled(tmp_path, [own_task()], [subject("base"), subject("sft")])
    run(context)
    base, _, sft, _ = outputs(context)[0]["rows"]
    assert (sft["value"], sft["stopped"], sft["stderr"]) == (1.0, 1.0, 0.0)
    assert (base["value"], base["stopped"]) == (0.0, 0.0)


@pytest.mark.slow
def test_chain_of_thought_is_not_scored_and_an_endless_one_is_wrong(tmp_path: Path) -> None:
    said = {"sun": "<t>sun</t>nus", "tea": "<t>aet", "go": "og"}
    teach(tmp_path, "sft", [(prompt(w), s + "<|im_end|>") for w, s in said.items()])
    write_rows(tmp_path, [{"question": f"Reverse {w}", "answer": w[::-1]} for w in said])
    context = compiled(
        tmp_path, [own_task()], [subject("sft")], strip_thinking=["<t>", "</t>"],
        decode={"temperature": 0.0, "top_p": 1.0, "max_new": 24},
    )  # fmt: skip
    run(context)
    results, samples = outputs(context)
    row, *_ = results["rows"]
    assert [s["score"] for s in samples] == [1.0, 0.0, 1.0]
    assert [s["answer"] for s in samples] == list(said.values())
    assert [s["extracted"] for s in samples] == ["nus", None, "og"]
    assert (row["unterminated"], row["no_answer"]) == (1, 0)


def test_samples_differ_and_all_count(tmp_path: Path) -> None:
    save_model(tmp_path, "base")
    # A random model says a digit now and then, so that problems are sometimes right.
    write_rows(tmp_path, [{"question": f"{i}?", "answer": str(i)} for i in range(4)])
    task = own_task(extract=LAST_NUMBER, avg=6)
    decode = {"temperature": 1.0, "top_p": 1.0, "max_new": 40}
    context = compiled(tmp_path, [task], [subject("base")], decode=decode, batch=8)
    run(context)
    results, samples = outputs(context)
    row, *_ = results["rows"]
    assert (row["n"], row["k"], len(samples)) == (4, 6, 24)
    asked = [(f"words.jsonl:{i + 1}", j) for i in range(4) for j in range(6)]
    assert [(s["id"], s["sample"]) for s in samples] == asked
    assert len({s["answer"] for s in samples}) > 20
    assert row["value"] == pytest.approx(sum(s["score"] for s in samples) / 24)
    run(context)
    assert outputs(context)[1] == samples


def test_sampling_takes_nothing_from_the_models_own_settings(tmp_path: Path) -> None:
    model = save_model(tmp_path, "base")
    context = compiled(tmp_path, [own_task()], [subject("base")])
    run(context)
    before = outputs(context)[1]
    model.generation_config.repetition_penalty = 5.0
    model.generation_config.max_length = 3
    model.save_pretrained(tmp_path / "out" / "base" / "model")
    run(context)
    assert outputs(context)[1] == before


def test_a_model_without_a_template_is_asked_as_the_others(tmp_path: Path) -> None:
    save_model(tmp_path, "base")
    save_model(tmp_path, "sft")
    context = compiled(tmp_path, [own_task()], [subject("base", template=None), subject("sft")])
    run(context)
    results, samples = outputs(context)
    assert samples[0]["prompt"] == samples[8]["prompt"] == prompt("sun")
    assert results["templates"]["base"]["template"] == "templates/chatml.jinja, as for sft"
    assert results["templates"]["base"]["end_of_turn"] == "<|im_end|>"


def test_without_any_template_prompts_are_plain(tmp_path: Path) -> None:
    save_model(tmp_path, "base")
    context = compiled(tmp_path, [own_task(system="Be short.")], [subject("base", template=None)])
    run(context)
    results, samples = outputs(context)
    assert samples[0]["prompt"] == "Be short.\n\nReverse sun"
    assert results["templates"]["base"]["template"] == "plain"


def test_an_end_of_turn_of_several_tokens_ends_the_answer(tmp_path: Path) -> None:
    model = save_model(tmp_path, "base")
    context = compiled(tmp_path, [own_task(subset=1)], [subject("base")])
    run(context)
    said = outputs(context)[1][0]["answer"]
    assert len(said) == 12
    end = said[2:4]
    assert model.config.eos_token_id == END
    context = compiled(
        tmp_path, [own_task(subset=1)], [subject("base", template={**TEMPLATE, "end_of_turn": end})]
    )
    run(context)
    sample = outputs(context)[1][0]
    assert sample["stopped"]
    assert sample["answer"] == said[: said.index(end)]


def test_prepared_tokenizer_and_its_template_are_used(tmp_path: Path) -> None:
    save_model(tmp_path, "sft")
    tokenizer = bytes_tokenizer(("<pad>", "<|im_start|>", "<|im_end|>"), 256)
    tokenizer.chat_template = "{% for m in messages %}[{{ m.content }}]{% endfor %}{{ ending }}"
    tokenizer.save_pretrained(tmp_path / "out" / "data" / "tokenizer")
    template = {"file": None, "end_of_turn": None, "thinking": None, "kwargs": {"ending": "!"}}
    one = subject("sft", tokenizer="data", template=template)
    context = compiled(tmp_path, [own_task()], [one])
    run(context)
    assert outputs(context)[1][0]["prompt"] == "[Reverse sun]!"


def test_last_turn_of_a_conversation_is_the_reference(tmp_path: Path) -> None:
    save_model(tmp_path, "base")
    turns = [
        ("user", "2+2"),
        ("assistant", "#### 4"),
        ("user", "3+3"),
        ("assistant", "so\n#### 6"),
        ("user", "ok"),
    ]
    write_rows(tmp_path, [{"messages": [{"role": r, "content": c} for r, c in turns], "level": 1}])
    task = own_task(
        format={"type": "messages", "column": "messages", "tools": None, "template_kwargs": None},
        extract={"type": "after", "marker": "####"},
        where={"column": "level", "operator": "==", "value": 1},
    )
    context = compiled(tmp_path, [task], [subject("base")])
    run(context)
    (sample,) = outputs(context)[1]
    assert sample["gold"] == "6"
    assert sample["prompt"].endswith("user\n3+3<|im_end|>\n<|im_start|>assistant\n")
    assert "#### 4" in sample["prompt"]
    assert outputs(context)[0]["rows"][0]["no_answer"] == 1


@pytest.mark.parametrize(
    ("lines", "changes", "said"),
    [
        ('{"question": "a"}\n', {}, "words.jsonl:1"),
        ('{"question": "a", "answer": "b"}\nnot json\n', {}, "words.jsonl:2"),
        ('{"question": "a", "answer": "no number"}\n', {"extract": LAST_NUMBER}, "words.jsonl:1"),
        ('{"question": "a", "answer": "b"}\n', {"where": ONLY_C}, "no rows"),
        (
            '{"question": "a", "answer": "b"}\n',
            {"where": {"not": {"measure": "length", "operator": "<", "value": 9}}},
            "only training data has",
        ),
        ("\n", {}, "no rows"),
        ('{"question": "a", "answer": "b"}\n', {"location": GONE}, "gone"),
        ('{"question": "' + "long" * 99 + '", "answer": "b"}\n', {}, "context of 256"),
    ],
)  # fmt: skip
def test_what_a_person_must_mend(tmp_path: Path, lines: str, changes: dict[str, object], said: str) -> None:
    save_model(tmp_path, "base")
    (tmp_path / "words.jsonl").write_text(lines)
    with pytest.raises(JobError, match=said) as error:
        run(compiled(tmp_path, [own_task(**changes)], [subject("base")]))
    assert "Traceback" not in error.value.message


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    save_model(tmp_path, "base")
    (tmp_path / "out" / "base" / "model" / "model.safetensors").write_bytes(b"\0" * 10)
    with pytest.raises(JobError, match="cannot be loaded"):
        run(compiled(tmp_path, [own_task()], [subject("base")]))


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="job base left no result"):
        run(compiled(tmp_path, [own_task()], [subject("base")]))


def test_the_loss_is_that_of_the_reference_answers_one_by_one(tmp_path: Path) -> None:
    model = save_model(tmp_path, "base", sharpness=4.0)
    context = compiled(tmp_path, [own_task()], [subject("base")], batch=3)
    run(context)
    row = outputs(context)[0]["rows"][1]
    tokenizer = bytes_tokenizer(SPECIAL, 256)
    sums, tokens = [], 0
    for word in WORDS:
        prompt = f"<|im_start|>user\nReverse {word}<|im_end|>\n<|im_start|>assistant\n"
        start = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        text = f"{prompt}{word[::-1]}<|im_end|>"
        ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            likely = model(ids).logits[0, :-1].log_softmax(-1)
        sums.append(-likely[range(start - 1, ids.shape[1] - 1), ids[0, start:]].sum().item())
        tokens += ids.shape[1] - start
    assert (row["task"], row["metric"], row["tokens"]) == ("words_loss", "loss", tokens)
    assert row["value"] == pytest.approx(sum(sums) / tokens, rel=1e-5)
