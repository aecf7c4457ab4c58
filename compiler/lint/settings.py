"""Which rules run: `--select` and `--ignore`, and `[tool.smolc.lint]` of the nearest pyproject.toml."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lint.rule import Rule

ALL = "all"
KEYS = ("select", "ignore")
LARGEST = 1 << 20


class BadSettings(Refused):
    """A selector or a configuration file that cannot be understood."""


@dataclass(frozen=True)
class Settings:
    """`select` and `ignore` hold names, codes and beginnings of codes (`T`, `T1`); `ALL` is every rule.

    Where both fit a rule, the one that says more decides, and `ignore` if they say as much.
    """

    select: tuple[str, ...] = (ALL,)
    ignore: tuple[str, ...] = ()

    def wants(self, rule: Rule) -> bool:
        return _closeness(self.select, rule) > _closeness(self.ignore, rule)


def _closeness(selectors: Iterable[str], rule: Rule) -> int:
    """How closely the best of `selectors` names a rule: 0 not at all, 1 by `ALL`, 2 to 5 by its code, 9 by its name."""
    best = 0
    for selector in selectors:
        if selector == ALL:
            best = max(best, 1)
        elif selector in (rule.name, rule.code.lower()):
            best = 9
        elif rule.code.lower().startswith(selector):
            best = max(best, 1 + len(selector))
    return best


def settings_for(recipe: Path, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Settings:
    """Those of the command line, over those of the pyproject.toml that holds for `recipe`.

    `--select` replaces what the file says, `--ignore` adds to it. Raises BadSettings.
    """
    select, ignore = tuple(select), tuple(ignore)
    configured = _of_file(_pyproject(recipe))
    for option, selectors in (("--select", select), ("--ignore", ignore)):
        _check(selectors, option)
    if select:
        return Settings(_lower(select), _lower(ignore))
    return Settings(configured.select, (*configured.ignore, *_lower(ignore)))


def split(given: Iterable[str]) -> tuple[str, ...]:
    """`--select T,D2 --select B` as a list."""
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip())


def _lower(selectors: Iterable[str]) -> tuple[str, ...]:
    return tuple(selector.lower() for selector in selectors)


def _check(selectors: Iterable[str], where: str) -> None:
    from smolc.compiler.lint.discover import all_rules

    for selector in selectors:
        lower = selector.lower()
        if lower == ALL or any(
            lower == one.rule.name or one.rule.code.lower().startswith(lower) for one in all_rules()
        ):
            continue
        from smolc.compiler.diagnostics.suggest import closest

        names = [name for one in all_rules() for name in (one.rule.name, one.rule.code)]
        near = closest(lower, names)
        hint = f"did you mean `{near}`?" if near else "`smolc explain` lists the rules"
        raise BadSettings(f"{where}: there is no rule `{selector}`; {hint}")


def _pyproject(recipe: Path) -> Path | None:
    """The nearest pyproject.toml, from the recipe's folder up, that speaks of smolc."""
    try:
        folder = Path(os.path.realpath(recipe)).parent  # links may lead in a circle: resolve() would raise
    except (OSError, ValueError):
        return None
    return _above(folder)


def forget() -> None:
    """Read configuration files anew: a process that goes on, such as a language server, sees them change."""
    _above.cache_clear()
    _of_file.cache_clear()


@lru_cache(maxsize=256)
def _above(folder: Path) -> Path | None:
    path = folder / "pyproject.toml"
    try:
        if path.is_file() and path.stat().st_size <= LARGEST and b"tool.smolc" in path.read_bytes():
            return path
    except OSError:
        pass
    return _above(folder.parent) if folder.parent != folder else None


@lru_cache(maxsize=256)
def _of_file(path: Path | None) -> Settings:
    if path is None:
        return Settings()
    from smolc.compiler.syntax.toml import loads

    try:
        whole = loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read: {error}") from error
    table = whole.get("tool", {}).get("smolc", {}) if isinstance(whole.get("tool"), dict) else {}
    lint = _table(table, path, "tool.smolc", ("lint",)).get("lint", {})
    lint = _table(lint, path, "tool.smolc.lint", KEYS)
    lists = {key: _selectors(lint[key], path, key) for key in KEYS if key in lint}
    return Settings(lists.get("select", (ALL,)), lists.get("ignore", ()))


def _table(value: Any, path: Path, name: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadSettings(f"{path}: [{name}] is a table")
    for key in value:
        if key not in keys:
            hint = f"did you mean `lint.{key}`?" if key in KEYS else f"it has {', '.join(keys)}"
            raise BadSettings(f"{path}: [{name}] has no `{key}`; {hint}")
    return value


def _selectors(value: Any, path: Path, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadSettings(f'{path}: `{key}` in [tool.smolc.lint] is a list of rules, such as ["T", "B3"]')
    _check(value, f"{path}: `{key}`")
    return _lower(value)
