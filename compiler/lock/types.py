"""What `smolc.lock` holds: content that a run depends on, and nothing about machines, places or times."""

from __future__ import annotations

from dataclasses import dataclass, field

VERSION = 1

HUB_TYPES = ("model", "dataset")
ROLES = ("data", "model", "tokenizer", "parent")
"""What a local file is for. Tokenizers from the hub have files in the hub's local cache."""

PACKAGES = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "deepspeed",
    "liger-kernel",
    "lm-eval",
    "peft",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)
"""What the runtime computes with: another release of one of them may give another model."""


@dataclass(frozen=True, order=True)
class Hub:
    """A repository at a revision as the recipe names it (`main` where it names none). type: one of HUB_TYPES."""

    type: str
    id: str
    revision: str

    @property
    def shown(self) -> str:
        return f"{self.type} {self.id} at {self.revision}"


@dataclass(frozen=True)
class FilePin:
    """A local file. path: as plans say it, from the recipe's folder. bytes: its size."""

    path: str
    role: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class TokenizerPin:
    """One file of a hub tokenizer, or its chat template wherever that stands (`chat_template`)."""

    id: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Section:
    """All of one recipe. hub: commits. templates: sha256 of their texts by name."""

    recipe: str
    hub: dict[Hub, str] = field(default_factory=dict)
    files: dict[str, FilePin] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    tokenizers: dict[tuple[str, str], TokenizerPin] = field(default_factory=dict)


@dataclass(frozen=True)
class Lock:
    """One file: the packages, and a section for each recipe of its folder, by file name."""

    packages: dict[str, str] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)
