"""`smolc lsp` as an editor sees it: a process that is spoken to over stdin and stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lsp_client import Client

from smolc.compiler.cli.lsp import MISSING, command

needs_pygls = pytest.mark.skipif(find_spec("pygls") is None, reason="needs the lsp extra (pygls)")

TEXT = """smolc 1
recipe small { about = "🙂 small" }
model base { scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }
dataset chats { path = "chats.jsonl" }
dataset unseen { path = "unseen.jsonl" }
template chat { builtin = chatml }
stage sft {
  init = base
  method = sft
  data = chats
  template = chat
  batch = 64Kiseqq
  lenght = 1epoch
}
eval final { of = [base, sft]; task words { data = unseen } }
"""
OPTIONS = {"tabSize": 2, "insertSpaces": True}
MENDED = TEXT.replace("64Kiseqq", "64seq").replace("lenght", "length")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(tmp_path.resolve()) as client:
        yield client


def at(text: str, part: str, shift: int = 0) -> dict[str, int]:
    offset = text.index(part) + shift
    line = text.count("\n", 0, offset)
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    return {"line": line, "character": len(before.encode("utf-16-le")) // 2}


@needs_pygls
def test_a_session(client: Client, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "case.recipe"
    uri = path.as_uri()
    document = {"uri": uri}
    said = client.start(textDocument={"rename": {"prepareSupport": True}})["capabilities"]
    assert said.get("positionEncoding", "utf-16") == "utf-16"
    assert said["renameProvider"]["prepareProvider"]

    # Mistakes arrive by themselves, with places in UTF-16.
    client.open(path, TEXT)
    published = client.wait_for("textDocument/publishDiagnostics")
    assert published["uri"] == uri
    by_code = {d["code"]: d for d in published["diagnostics"]}
    assert set(by_code) == {"S032 unknown-unit", "V008 unknown-key"}
    assert by_code["V008 unknown-key"]["range"]["start"] == at(TEXT, "lenght")

    # The word that was meant is offered.
    place = at(TEXT, "lenght")
    params = {
        "textDocument": document,
        "range": {"start": place, "end": place},
        "context": {"diagnostics": []},
    }
    actions = client.ask("textDocument/codeAction", params)["result"]
    (action,) = actions
    assert action["title"] == "Write `length`"
    assert [e["newText"] for e in action["edit"]["changes"][uri]] == ["length"]

    # Typing: two versions shortly after one another give one review, of the last.
    for version, text in ((2, TEXT + "\n"), (3, MENDED)):
        changes = {"textDocument": {**document, "version": version}, "contentChanges": [{"text": text}]}
        client.notify("textDocument/didChange", changes)
    published = client.wait_for("textDocument/publishDiagnostics")
    assert published["version"] == 3
    assert not [d for d in published["diagnostics"] if d["severity"] == 1]

    def ask(method: str, place: dict[str, int], **more: Any) -> Any:
        return client.ask(f"textDocument/{method}", {"textDocument": document, "position": place, **more})

    hover = ask("hover", at(MENDED, "1epoch"))["result"]
    assert "How long it trains" in hover["contents"]["value"]
    labels = [i["label"] for i in ask("completion", at(MENDED, "base\n"))["result"]["items"]]
    assert labels == ["base"]
    (found,) = ask("definition", at(MENDED, "base\n"))["result"]
    assert found["range"]["start"] == at(MENDED, "base {")

    # Behind the smiley, which is two characters in UTF-16.
    place = at(MENDED, ' small"', 1)
    assert ask("hover", place)["result"]["range"]["end"] == at(MENDED, " }\nmodel")
    edit = ask("rename", at(MENDED, "sft {"), newName="first")["result"]
    assert len(edit["changes"][uri]) == 2
    refused = ask("rename", at(MENDED, "sft {"), newName="base")["error"]
    assert "there is a model `base` already" in refused["message"]

    edits = client.ask("textDocument/formatting", {"textDocument": document, "options": OPTIONS})["result"]
    assert edits
    symbols = client.ask("textDocument/documentSymbol", {"textDocument": document})["result"]
    assert [s["name"] for s in symbols] == ["small", "base", "chats", "unseen", "chat", "sft", "final"]

    assert client.ask("shutdown")["result"] is None
    client.notify("exit")
    assert client.process.wait(timeout=30) == 0


@needs_pygls
def test_a_change_in_an_open_parent_reaches_its_children(client: Client, tmp_path: Path) -> None:
    base, child = (tmp_path.resolve() / name for name in ("base.recipe", "child.recipe"))
    client.start()
    client.open(base, MENDED)
    client.wait_for("textDocument/publishDiagnostics")
    client.open(child, 'extends "base.recipe"\nstage sft {\n  init = base\n}\n')
    found = client.wait_for("textDocument/publishDiagnostics")
    assert found["uri"] == child.as_uri() and not [d for d in found["diagnostics"] if d["severity"] == 1]
    broken = MENDED.replace("model base", "model other")
    changes = {"textDocument": {"uri": base.as_uri(), "version": 2}, "contentChanges": [{"text": broken}]}
    client.notify("textDocument/didChange", changes)
    while (found := client.wait_for("textDocument/publishDiagnostics"))["uri"] != child.as_uri():
        pass
    assert "L002 unknown-name" in [d["code"] for d in found["diagnostics"]]


@needs_pygls
def test_changed_settings_and_safe_fixes(client: Client, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "case.recipe"
    settings = path.with_name("pyproject.toml")
    settings.write_text('[tool.smolc.lint]\nselect = ["B301"]\n')
    client.start()
    text = MENDED.replace("batch = 64seq", "packing = best_fit(length = 2Ki)\n  batch = 8seq")
    client.open(path, text)
    codes = [d["code"] for d in client.wait_for("textDocument/publishDiagnostics")["diagnostics"]]
    assert "B301 packing-without-token-batch" in codes

    place = {"line": 0, "character": 0}
    params = {"textDocument": {"uri": path.as_uri()}, "range": {"start": place, "end": place}}
    asked = {**params, "context": {"diagnostics": [], "only": ["source.fixAll"]}}
    (action,) = client.ask("textDocument/codeAction", asked)["result"]
    assert action["kind"] == "source.fixAll.smolc"
    (edit,) = action["edit"]["changes"][path.as_uri()]
    assert edit["newText"] == "  batch = 16384tok\n" and edit["range"]["start"] == at(text, "  batch")

    settings.write_text('[tool.smolc.lint]\nselect = ["D201"]\n')
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": settings.as_uri(), "type": 2}]})
    codes = [d["code"] for d in client.wait_for("textDocument/publishDiagnostics")["diagnostics"]]
    assert "B301 packing-without-token-batch" not in codes


@needs_pygls
def test_a_bad_lock_is_shown_until_it_is_mended(client: Client, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "case.recipe"
    lock = path.with_name("smolc.lock")
    lock.write_text("<<<<<<< HEAD\n")
    client.start()
    client.open(path, MENDED)
    (found,) = client.wait_for("textDocument/publishDiagnostics")["diagnostics"]
    assert "is not a lock file" in found["message"] and found["severity"] == 1
    assert found["range"] == {"start": at(MENDED, "smolc 1"), "end": at(MENDED, "\nrecipe")}

    params = {"textDocument": {"uri": path.as_uri()}, "range": found["range"]}
    for only in (["quickfix"], ["source.fixAll"]):
        asked = {**params, "context": {"diagnostics": [found], "only": only}}
        assert client.ask("textDocument/codeAction", asked)["result"] == []
    hover = {"textDocument": {"uri": path.as_uri()}, "position": at(MENDED, "1epoch")}
    assert client.ask("textDocument/hover", hover)["result"]

    lock.write_text("version = 1\n")
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": lock.as_uri(), "type": 2}]})
    published = client.wait_for("textDocument/publishDiagnostics")["diagnostics"]
    assert not [d for d in published if d["severity"] == 1]
    assert [n for n in client.notes if n["method"] == "window/logMessage"] == []


@needs_pygls
def test_an_editor_that_goes_away_ends_the_server(client: Client) -> None:
    client.start()
    assert client.process.stdin is not None
    client.process.stdin.close()
    client.process.wait(timeout=30)


@needs_pygls
def test_places_and_files_that_are_not_there(client: Client, tmp_path: Path) -> None:
    """Every request is answered, and the server lives on."""
    client.start()
    path = tmp_path.resolve() / "case.recipe"
    client.open(path, "stage sft {\n  init = ")
    far = {"line": 900, "character": 900}
    for uri in (path.as_uri(), (tmp_path / "missing.recipe").as_uri(), "untitled:Untitled-1"):
        document = {"uri": uri}
        for method in ("hover", "completion", "definition"):
            answer = client.ask(f"textDocument/{method}", {"textDocument": document, "position": far})
            assert "error" not in answer, answer
        answer = client.ask(
            "textDocument/rename", {"textDocument": document, "position": far, "newName": "x"}
        )
        assert "only names" in answer["error"]["message"]
        for method in ("formatting", "documentSymbol", "foldingRange"):
            answer = client.ask(f"textDocument/{method}", {"textDocument": document, "options": OPTIONS})
            assert "error" not in answer, answer
    logged = [n for n in client.notes if n["method"] == "window/logMessage"]
    assert logged == []


def test_without_pygls_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygls", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 2
    assert MISSING in result.output and "pip install 'smolc[lsp]'" in result.output
