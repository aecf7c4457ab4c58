"""The text of a first recipe, in canonical form."""

from __future__ import annotations

from dataclasses import dataclass

from smolc.compiler.format.value import quote
from smolc.compiler.model.methods import DPO_LOSSES
from smolc.compiler.plan.cluster import GPUS, SHORTHAND
from smolc.compiler.plan.size import SIZE
from smolc.compiler.resolve.resolve import EDITION
from smolc.compiler.start.rows import Format

METHODS = ("sft", "dpo", "orpo", "cpo", "simpo", "kto", "cpt")

ACCEPTED = {
    "sft": ("messages", "sharegpt", "prompt_completion", "alpaca"),
    "dpo": ("preference",),
    "orpo": ("preference",),
    "cpo": ("preference",),
    "simpo": ("preference",),
    "kto": ("unpaired", "preference"),
    "cpt": ("text",),
}
"""What each method learns from; the first is taken where nothing is known about the data."""

BY_FORMAT = {"preference": "dpo", "unpaired": "kto", "text": "cpt"}
"""The method that a format of data suggests; `sft` for others."""

_TEMPLATES = (
    ("smollm3", "smollm3"),
    ("smollm2", "smollm2"),
    ("qwen", "qwen3"),
    ("llama-3", "llama3"),
    ("llama3", "llama3"),
    ("gemma-2", "gemma"),
    ("gemma-3", "gemma"),
    ("zephyr", "zephyr"),
    ("phi-3", "phi"),
)
_LR = {"sft": 1e-5, "cpt": 1e-5, "dpo": 1e-6, "orpo": 5e-6, "cpo": 1e-6, "simpo": 5e-7, "kto": 1e-6}
_LABELS = {"sft": "chats", "kto": "answers", "cpt": "texts"}
"""Of data; `pairs` for others."""
_METHOD = {
    "sft": ("sft(loss_on = assistant)", "the user's turns are read, and not learnt"),
    "dpo": (
        "dpo(loss = sigmoid, beta = 0.1)",
        f"any of {len(DPO_LOSSES)} losses; scan beta from 0.01 to 0.5",
    ),
    "orpo": ("orpo(beta = 0.1)", "needs no reference model"),
    "cpo": ("cpo(beta = 0.1, alpha = 1)", "alpha weighs the cross entropy of the chosen answer"),
    "simpo": ("simpo(beta = 2, gamma = 1)", "the authors: beta 2 to 2.5, gamma about half of it"),
    "kto": ("kto(beta = 0.1)", "learns from single answers, each good or bad"),
    "cpt": ("cpt", "every token is learnt"),
}
_BYTES_PER_TOKEN = 4
_STEPS = 100
"""So many steps the batch should leave, if the data is small."""


@dataclass(frozen=True)
class Start:
    """hub, path: of the model; one of the two. data_hub, data_path: of the data, likewise. data_bytes: of a local file.
    on: shorthand such as `8xh100`. adapter: "", `lora` or `qlora`."""

    name: str
    method: str
    hub: str = ""
    path: str = ""
    gguf: str = ""
    model_revision: str = ""
    data_hub: str = ""
    data_path: str = ""
    data_revision: str = ""
    data_bytes: int = 0
    format: Format | None = None
    on: str = ""
    adapter: str = ""


def text_of(start: Start) -> str:
    """A recipe that compiles. Whatever the answers hold, it stands in quotes."""
    from smolc.compiler.format import formatted
    from smolc.compiler.render.environment import render

    method, why = _METHOD[start.method]
    preferences = start.method not in ("sft", "cpt")
    length = 1024 if start.method == "kto" else 2048 if preferences or _small(start) else 4096
    model = start.hub or start.gguf or start.path
    data = start.data_hub or start.data_path
    rows = _rows(start, length, preferences)
    lr = _LR[start.method] * (10 if start.adapter else 1)
    values = {
        "edition": EDITION,
        "label": label(start.name),
        "about": f"{start.method.upper()} of {_short(model)} on {_short(data)}.",
        "start": start,
        "cluster": _cluster(start.on),
        "dataset": _LABELS.get(start.method, "pairs"),
        "format": (start.format or Format(*[ACCEPTED[start.method][0]] * 2)).text,
        "stage": start.method,
        "method": method,
        "why": why,
        "preferences": preferences,
        "template": None if start.method == "cpt" else _template(model),
        "packing": f"{'wrapped' if start.method == 'cpt' else 'best_fit'}(length = {length // 1024}Ki)",
        "length": f"{length // 1024}Ki",
        "batch": f"{rows}seq" if preferences else f"{rows * length // 1024}Kitok",
        "rows": rows,
        "lr": _number(lr),
        "q": quote,
    }
    return formatted(render("recipes/start.recipe.j2", **values))


def label(name: str) -> str:
    """A name as a label."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)[:60]
    return plain if plain[:1].isalpha() else f"recipe_{plain}".rstrip("_")


def devices(on: str) -> int | None:
    """How many devices a shorthand such as `2x8xh100` names; None if it is none."""
    made = _cluster(on)
    return made.nodes * made.count if made else None


@dataclass(frozen=True)
class _Cluster:
    """memory: of one GPU, in GiB."""

    nodes: int
    count: int
    kind: str
    memory: int


def _cluster(on: str) -> _Cluster | None:
    match = SHORTHAND.fullmatch(on.lower()) if on else None
    if match is None:
        return None
    kind = match["kind"] or match["one"]
    nodes, count = int(match["nodes"] or 1), int(match["count"] or 1)
    if (kind != "cpu" and kind not in GPUS) or nodes < 1 or count < 1:
        return None
    return _Cluster(nodes, count, kind, GPUS.get(kind, 0))


def _rows(start: Start, length: int, preferences: bool) -> int:
    """Rows in a batch: 32, or fewer for little data; each device gets as many."""
    rows = 32
    if start.data_bytes and not preferences:
        rows = max(1, min(rows, start.data_bytes // (_BYTES_PER_TOKEN * length * _STEPS)))
    # A power of two for each device, so that any micro batch divides it; kto compares at least two answers.
    count = devices(start.on) or 1
    each = 1 << max(0, -(-rows // count) - 1).bit_length()
    return count * max(each, 2 if start.method == "kto" else 1)


def _small(start: Start) -> bool:
    """Models below 1B often have contexts of 2,048 tokens."""
    match = SIZE.search((start.hub or start.path).replace("_", "-"))
    return match is not None and float(match[1]) * (1e6 if match[2].lower() == "m" else 1e9) < 1e9


def _template(model: str) -> str:
    name = model.lower().replace("_", "-")
    return next((template for part, template in _TEMPLATES if part in name), "chatml")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _number(value: float) -> str:
    digits, power = f"{value:e}".split("e")
    return f"{float(digits):g}e{int(power)}"
