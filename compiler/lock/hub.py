"""Which commit a branch or a tag is: what this machine downloaded, or what the hub says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from smolc.compiler.lint.tokenizer import commit as downloaded
from smolc.compiler.lock.read import COMMIT
from smolc.compiler.lock.types import Hub

SECONDS = 10.0
"""How long the hub is waited for."""

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)?")
_TRUE = ("1", "on", "yes", "true")

Ask = Callable[[Hub], "str | None"]


class Unresolved(Exception):
    """A revision whose commit cannot be found out. The message says why, in a few words."""


def resolve_commit(hub: Hub, newest: bool = False) -> str:
    """The commit of a revision. The hub's local cache is asked first, and the hub itself if that does not know; the
    other way round for the newest. Raises Unresolved."""
    if COMMIT.fullmatch(hub.revision):
        return hub.revision
    if not _ID.fullmatch(hub.id) or ".." in hub.id:
        raise Unresolved("this is not an id of the hub")
    here = downloaded(f"{hub.type}s", hub.id, hub.revision)
    if here is not None and not (newest and can_ask()):
        return here
    try:
        return ask(hub)
    except Unresolved:
        if here is not None:
            return here
        raise


def can_ask() -> bool:
    """Whether the hub may be asked: its client is installed, and not told to stay offline."""
    from importlib.util import find_spec

    return (
        os.environ.get("HF_HUB_OFFLINE", "").lower() not in _TRUE and find_spec("huggingface_hub") is not None
    )


def ask(hub: Hub) -> str:
    """What the hub says now. Raises Unresolved."""
    if not can_ask():
        raise Unresolved("it is not in the hub's local cache, and the hub was not asked")
    from huggingface_hub import HfApi

    try:
        info = HfApi().repo_info(hub.id, repo_type=hub.type, revision=hub.revision, timeout=SECONDS)
        commit = info.sha
    except Exception as error:  # the client raises what its transport does
        said = str(error).strip().splitlines()
        reason = said[0][:160] if said else type(error).__name__
        raise Unresolved(f"it is not in the hub's local cache, and the hub says: {reason}") from error
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise Unresolved("the hub names no commit for it")
    return commit
