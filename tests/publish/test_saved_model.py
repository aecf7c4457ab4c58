"""What training leaves can be served: it stops, it is prompted as it was trained, merged weights are the adapter's."""

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from jinja2 import Template  # noqa: E402
from peft import PeftModel, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: E402

import smolc.templates  # noqa: E402
from smolc.compiler.plan.defaults import END_OF_TURN  # noqa: E402
from smolc.runtime.jobs.context import ModelAt  # noqa: E402
from smolc.runtime.jobs.model import ScratchModel  # noqa: E402
from smolc.runtime.jobs.train import TrainJob  # noqa: E402
from smolc.runtime.train import save  # noqa: E402
from smolc.runtime.train.model import adapter_config, match_tokenizer  # noqa: E402
from smolc.runtime.train.scratch import bytes_tokenizer, scratch_model  # noqa: E402

SHAPE = ScratchModel(
    type="scratch",
    architecture="llama",
    layers=1,
    hidden=16,
    heads=2,
    kv_heads=2,
    intermediate=32,
    context=256,
)
CHAT = Path(smolc.templates.__file__).parent / "chat"
OTHER_END = "<|endoftext|>"
TURNS = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "three"},
]


def job(**changes: Any) -> TrainJob:
    from compiled import TRAIN  # of tests/train

    return TrainJob.model_validate({**TRAIN, **changes})


class Trainer:
    """What of a trainer saving asks for, for a model in one process."""

    is_main_process = True

    def __init__(self, model: Any) -> None:
        self.accelerator = self
        self.model_wrapped = model

    def get_state_dict(self, model: Any) -> Any:
        return model.state_dict()

    def unwrap_model(self, model: Any, **_: Any) -> Any:
        return model

    def wait_for_everyone(self) -> None:
        pass


def start(folder: Path, special: tuple[str, ...]) -> tuple[Any, Any]:
    tokenizer = bytes_tokenizer(special, 256)
    model = scratch_model(SHAPE, tokenizer, 1, torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


@pytest.mark.parametrize("name", sorted(path.stem for path in CHAT.glob("*.jinja")))
def test_a_served_model_knows_its_template_and_every_end(name: str, tmp_path: Path) -> None:
    end = END_OF_TURN[name]
    # The start model ended its texts otherwise, and once sampled no more than 20 tokens.
    model, tokenizer = start(tmp_path / "base", ("<pad>", "<s>", end, OTHER_END))
    before = tokenizer.convert_tokens_to_ids(OTHER_END)
    model.generation_config = GenerationConfig(eos_token_id=before, max_length=20)
    model.config.eos_token_id = before
    tokenizer.eos_token, tokenizer.bos_token = end, "<s>"
    tokenizer.chat_template = (CHAT / f"{name}.jinja").read_text()
    prompt = tokenizer.apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True)
    match_tokenizer(model, tokenizer)
    save.save_trained(job(), Trainer(model), tokenizer, ModelAt(""), tmp_path, {})

    folder = tmp_path / "model"
    served = AutoTokenizer.from_pretrained(folder)
    stops = served.convert_tokens_to_ids(end)
    assert served.eos_token == end and served.pad_token == "<pad>"
    assert served.apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True) == prompt
    # vLLM and transformers stop at all of these; lm-eval asks the tokenizer alone.
    said = json.loads((folder / "generation_config.json").read_text())
    assert said["eos_token_id"] == [stops, before]
    assert said["pad_token_id"] == 256 and said["bos_token_id"] == 257 and "max_length" not in said
    config = json.loads((folder / "config.json").read_text())
    assert (config["eos_token_id"], config["pad_token_id"], config["use_cache"]) == (stops, 256, True)
    assert [path.name for path in folder.glob("*.safetensors")] == ["model.safetensors"]


def test_an_end_of_another_tokenizer_ends_nothing(tmp_path: Path) -> None:
    """Id 65 is `A` here: a model that stopped there would never say it."""
    model, tokenizer = start(tmp_path, ("<pad>", "<|im_end|>"))
    model.generation_config = GenerationConfig(eos_token_id=[65, 257])
    match_tokenizer(model, tokenizer)
    assert model.generation_config.eos_token_id == 257


@pytest.mark.parametrize(("fixed", "thinks"), [({}, "True"), ({"enable_thinking": False}, "False")])
def test_what_training_fixed_is_the_default(fixed: dict[str, Any], thinks: str) -> None:
    text = "{{ enable_thinking if enable_thinking is defined else true }}"
    served = Template(save.with_defaults(text, fixed))
    assert served.render() == thinks
    assert served.render(enable_thinking=True) == "True"


ADAPTER = {"type": "lora", "rank": 4, "alpha": 16.0, "dropout": 0.0, "targets": "all_linear"}


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("scaling", ["rank", "rsqrt"])
def test_merged_weights_are_the_adapter_in_fp32_and_cast_once(
    dora: bool, scaling: str, tmp_path: Path
) -> None:
    base, tokenizer = start(tmp_path / "base", ("<pad>", "<|im_start|>", "<|im_end|>"))
    tokenizer.chat_template = (CHAT / "chatml.jinja").read_text()
    trained = job(adapter={**ADAPTER, "dora": dora, "scaling": scaling}, precision="bf16")
    adapted = get_peft_model(base, adapter_config(trained))
    torch.manual_seed(0)
    for weight in adapted.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.1)
    save.save_trained(trained, Trainer(adapted), tokenizer, ModelAt(str(tmp_path / "base")), tmp_path, {})
    ids = torch.tensor([tokenizer.encode("<|im_start|>user\none")])
    fresh = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    with torch.no_grad():
        untrained = fresh(ids).logits
        alone = PeftModel.from_pretrained(fresh, tmp_path / "adapter").eval()(ids).logits
        exact = save.merge(trained, ModelAt(str(tmp_path / "base")), tmp_path / "adapter", tokenizer)
        assert torch.allclose(exact(ids).logits, alone, atol=1e-5)
        assert not torch.allclose(untrained, alone, atol=1e-2)
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    weights = exact.state_dict()
    assert saved.dtype == torch.bfloat16
    assert all(torch.equal(w, weights[n].to(torch.bfloat16)) for n, w in saved.state_dict().items())
    # Who gets the adapter alone has its template, too.
    assert AutoTokenizer.from_pretrained(tmp_path / "adapter").chat_template == tokenizer.chat_template
