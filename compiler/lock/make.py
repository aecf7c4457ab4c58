"""Making a lock: pins that still fit are kept, what is missing is found out, and content is hashed as it is now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lock import collect
from smolc.compiler.lock.hub import Unresolved, resolve_commit
from smolc.compiler.lock.pin import hub_of
from smolc.compiler.lock.read import COMMIT
from smolc.compiler.lock.types import PACKAGES, Hub, Lock, Section, TokenizerPin
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved

EVERYTHING = "*"


@dataclass(frozen=True)
class Compiled:
    """A recipe as it is written, without any lock."""

    resolved: Resolved
    recipe: Recipe
    plan: Plan

    @property
    def name(self) -> str:
        return self.resolved.files[0].name


@dataclass
class Maker:
    """Makes the lock of one folder. old: the one that is there. upgrade: what is resolved anew: labels, hub ids,
    packages, or EVERYTHING. unresolved, missing: what could not be pinned, gathered over all recipes."""

    old: Lock
    upgrade: frozenset[str] = frozenset()
    unresolved: dict[Hub, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    _commits: dict[Hub, str] = field(default_factory=dict)

    def lock(self, recipes: Iterable[Compiled], here: frozenset[str]) -> Lock:
        """here: names of the recipes in the folder; sections of others are left out. Raises Refused."""
        made = {recipe.name: self.section(recipe) for recipe in recipes}
        kept = {name: section for name, section in self.old.sections.items() if name in here}
        return Lock(self.packages(), {**kept, **made})

    def packages(self) -> dict[str, str]:
        """Those that are not installed here stay as they were pinned elsewhere."""
        found = collect.installed()
        for name, version in self.old.packages.items():
            if name not in PACKAGES:
                continue
            if name not in found or not self._anew(name):
                found[name] = version
        return found

    def section(self, recipe: Compiled) -> Section:
        old = self.old.sections.get(recipe.name, Section(recipe.name))
        pins: dict[Hub, str] = {}
        for label, hub in hub_of(recipe.recipe):
            commit = self._commit(hub, old, label)
            if commit is not None:
                pins[hub] = commit
        files, missing = collect.local_files(recipe.plan, recipe.resolved)
        self.missing += [path for path in missing if path not in self.missing]
        hashed = {file.path: collect.hashed(file) for file in files}
        # A pin of what is not on this machine stays.
        for path, pin in old.files.items():
            if any(path == m or path.startswith(f"{m}/") for m in missing):
                hashed.setdefault(path, pin)
        return Section(
            recipe.name, pins, hashed, collect.template_hashes(recipe.plan), self._tokenizers(pins, old)
        )

    def _commit(self, hub: Hub, old: Section, label: str) -> str | None:
        if COMMIT.fullmatch(hub.revision):
            return hub.revision
        anew = self._anew(label) or self._anew(hub.id)
        if hub not in self._commits:
            # One repository has one commit in all recipes of a folder.
            known = [old, *self.old.sections.values()]
            before = next((section.hub[hub] for section in known if hub in section.hub), None)
            try:
                self._commits[hub] = before if before and not anew else resolve_commit(hub, newest=anew)
            except Unresolved as error:
                self.unresolved[hub] = str(error)
                return None
        return self._commits[hub]

    def _tokenizers(self, pins: dict[Hub, str], old: Section) -> dict[tuple[str, str], TokenizerPin]:
        found: dict[tuple[str, str], TokenizerPin] = {}
        for hub, commit in sorted(pins.items()):
            if hub.type != "model" or any(id == hub.id for id, _ in found):
                continue
            here = {(pin.id, pin.file): pin for pin in collect.tokenizer_pins(hub, commit)}
            if not here and old.hub.get(hub) == commit:
                here = {key: pin for key, pin in old.tokenizers.items() if key[0] == hub.id}
            found.update(here)
        return found

    def _anew(self, name: str) -> bool:
        return EVERYTHING in self.upgrade or name in self.upgrade


def check_names(upgrade: Iterable[str], recipes: Iterable[Compiled]) -> None:
    """Raises Refused if there is nothing of a name that is to be upgraded."""
    known = set(PACKAGES)
    for recipe in recipes:
        for label, hub in hub_of(recipe.recipe):
            known |= {label, hub.id}
    for name in upgrade:
        if name == EVERYTHING or name in known:
            continue
        near = closest(name, sorted(known))
        hint = f"did you mean `{near}`?" if near else "name a block that has `hub`, a hub id, or a package"
        raise Refused(f"there is nothing to upgrade called `{name}`; {hint}")
