"""What a token, a key or a password looks like, so that nothing that is shown repeats one."""

from __future__ import annotations

import re
from typing import NamedTuple


class Secret(NamedTuple):
    """`text[start:hidden]` may be shown (`hf_`, `password`), `text[hidden:end]` may not."""

    kind: str
    start: int
    hidden: int
    end: int


PASSWORD = "a password or key"
ADDRESS = "a password in an address"

_KINDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("a Hugging Face token", ("hf_",), r"(?<![A-Za-z0-9])hf_(?P<hidden>[A-Za-z0-9]{20,})"),
    (
        "an AWS access key",
        ("AKIA", "ASIA"),
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA)(?P<hidden>[0-9A-Z]{16})(?![A-Za-z0-9])",
    ),
    (
        "a GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_)(?P<hidden>[A-Za-z0-9_]{30,})",
    ),
    ("a GitLab token", ("glpat-",), r"(?<![A-Za-z0-9])glpat-(?P<hidden>[A-Za-z0-9_-]{20,})"),
    ("an API key", ("sk-",), r"(?<![A-Za-z0-9])sk-(?P<hidden>[A-Za-z0-9_-]{20,})"),
    ("a Slack token", ("xox",), r"(?<![A-Za-z0-9])xox[abprs]-(?P<hidden>[A-Za-z0-9-]{10,})"),
    ("a Google key", ("AIza",), r"(?<![A-Za-z0-9])AIza(?P<hidden>[0-9A-Za-z_-]{35})"),
    (
        "a private key",
        ("PRIVATE KEY-----",),
        (
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?P<hidden>[^-]*)(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
        ),
    ),
    (ADDRESS, ("://",), r"://(?P<hidden>[^\s/:@\"']{1,200}:[^\s/@\"']{1,200})@"),
    (
        PASSWORD,
        ("key", "token", "secret", "passw"),
        # What has a letter and a digit: neither a word nor a number with its unit.
        (
            r"(?i)(?<![a-z])(?:(?:api|access|secret)[_-]?key|(?:[a-z]+[_-])?token|secret|passwd|password)"
            r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?![0-9_.]+[a-z]{0,5}(?:[^\w.-]|\Z))"
            r"(?=[^\s\"'#;,<>(){}$*]{0,200}[0-9])(?=[^\s\"'#;,<>(){}$*]{0,200}[a-z])"
            r"(?P<hidden>[^\s\"'#;,<>(){}$*]{7,200})"
        ),
    ),
)
"""Kind, the texts of which one must be there, and the pattern; the kind without a form of its own comes last.

Most recipes have none of the texts, so that no pattern is even compiled."""


def find_secrets(text: str) -> list[Secret]:
    """In the order of the text. Of those that overlap, the one whose form says the most."""
    kept: list[Secret] = []
    for secret in _matches(text):
        if all(secret.end <= other.start or other.end <= secret.start for other in kept):
            kept.append(secret)
    return sorted(kept, key=lambda secret: secret.start)


def covered(text: str) -> str:
    """The text with `*` for each character that may not be shown; as long as it was, with its lines."""
    for secret in _matches(text):
        hidden = "".join(c if c == "\n" else "*" for c in text[secret.hidden : secret.end])
        text = text[: secret.hidden] + hidden + text[secret.end :]
    return text


def _matches(text: str) -> list[Secret]:
    """All that fits a pattern, kind by kind."""
    found: list[Secret] = []
    folded = text.lower()
    for kind, hints, pattern in _KINDS:
        where = folded if kind == PASSWORD else text
        if any(hint in where for hint in hints):
            found += [Secret(kind, m.start(), *m.span("hidden")) for m in re.finditer(pattern, text)]
    return found
