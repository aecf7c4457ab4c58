"""Nothing that is printed repeats a token, a key or a password."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Source, Span
from smolc.compiler.diagnostics.render import render_concise, render_full, render_json
from smolc.compiler.diagnostics.secrets import covered, find_secrets

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SECRETS = {
    "hf_": LETTERS[:34],
    "AKIA": LETTERS[10:26].upper(),
    "ghp_": LETTERS,
    "github_pat_": LETTERS,
    "glpat-": LETTERS[:20],
    "sk-": LETTERS[:24],
    "xoxb-": LETTERS[:24],
    "AIza": LETTERS[:35],
    "password = ": "hunter2x",
    "HF_TOKEN=": LETTERS,
    '{"api_key": ': f'"{LETTERS}',
}


@pytest.mark.parametrize("before", SECRETS)
def test_covered_behind_what_names_it(before: str) -> None:
    hidden = SECRETS[before].lstrip('"')
    text = f"# {before}{SECRETS[before]}\nrest"
    assert hidden not in covered(text)
    assert covered(text) == text.replace(hidden, "*" * len(hidden))


def test_addresses_and_private_keys() -> None:
    assert (
        covered("https://me:mine@host/x and https://host/a:b@c")
        == "https://*******@host/x and https://host/a:b@c"
    )
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE KEY-----\n"
    assert covered(key) == "-----BEGIN RSA PRIVATE KEY-----\n****\n****\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        'revision = "0123456789abcdef0123456789abcdef01234567"',
        'end_of_turn = "<|im_end|>"',
        'eos_token: "<|endoftext|>"',
        "token = 131_072tok",
        "tokens: 4096 and more",
        "the password: see the vault",
        "token = ${HF_TOKEN_2}",
        'hub = "some/hf_model"',
        "risk-averse-and-long-enough-to-match",
        'hub = "https://huggingface.co/some/model"',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert covered(text) == text


@given(st.text(alphabet="hf_aA1:/@-= \n\"'tokenpaswrd*" + LETTERS, max_size=200))
def test_as_long_as_it_was_with_its_lines(text: str) -> None:
    after = covered(text)
    assert [len(line) for line in after.split("\n")] == [len(line) for line in text.split("\n")]
    found = find_secrets(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(s.start <= s.hidden < s.end for s in found)


def test_the_kind_with_a_form_of_its_own_counts() -> None:
    text = f"HF_TOKEN=abc-1hf_{LETTERS[:34]}, HF_TOKEN=hf_{LETTERS[:34]}"
    assert [s.kind for s in find_secrets(f"HF_TOKEN=hf_{LETTERS[:34]}")] == ["a Hugging Face token"]
    assert not set(LETTERS) & set(covered(text).replace("HF_TOKEN", "").replace("hf_", ""))


def test_no_printer_repeats_it() -> None:
    token = "hf_" + LETTERS[:34]
    source = Source("a.recipe", f'model m {{\n  hub = "{token}"\n}}\n')
    start = source.text.index(token)
    span = Span(source, start, start + len(token))
    whole = Span(source, 0, len(source.text))
    found = [
        Diagnostic(
            "X1", "x", Severity.ERROR, f"`{token}` is odd", span, notes=(f"{token}",), help=f"not {token}"
        ),
        Diagnostic(
            "X1", "x", Severity.ERROR, "about all of it", whole, labels=(Label(span, f"see {token}"),)
        ),
    ]
    for printed in (render_full(found), render_concise(found), render_json(found)):
        assert token not in printed
        assert "hf_***" in printed
