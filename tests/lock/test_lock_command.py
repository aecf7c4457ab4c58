"""`smolc lock`: what is pinned, what is kept, what drifts."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

import pytest
from locking import A, B, C, Folder

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lock import collect
from smolc.compiler.lock.read import parse_lock
from smolc.compiler.lock.types import Hub

MODEL, DATA = Hub("model", "some/model", "main"), Hub("dataset", "some/data", "v1")


def section(folder: Folder, name: str = "child.recipe"):  # type: ignore[no-untyped-def]
    return parse_lock(folder.text.encode(), "smolc.lock").sections[name]


def test_pins_everything(folder: Folder) -> None:
    assert folder.lock().exit_code == 0
    made = section(folder)
    assert made.hub == {MODEL: A, DATA: B}
    assert {path: pin.role for path, pin in made.files.items()} == {
        "chats.jsonl": "data",
        "parent.recipe": "parent",
    }
    assert made.files["chats.jsonl"].sha256 == hashlib.sha256(b"{}\n").hexdigest()
    assert made.files["chats.jsonl"].bytes == 3
    assert made.templates == {"chat": hashlib.sha256(b"{{ messages }}").hexdigest()}
    assert folder.leftovers() == []


def test_the_same_content_gives_the_same_text(folder: Folder) -> None:
    folder.lock()
    before = folder.text
    assert "nothing changed" in folder.lock().stdout
    (folder.place / "smolc.lock").unlink()
    folder.lock()
    assert folder.text == before


def test_content_and_never_platform(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.1.0+cu128")
    folder.lock()
    assert 'torch = "2.1.0"' in folder.text
    for word in (str(folder.place), platform.node(), "cu128", platform.system(), platform.machine()):
        assert word.lower() not in folder.text.lower()


def test_a_revision_that_is_a_commit_is_taken(folder: Folder) -> None:
    folder.replace("child.recipe", '"v1"', f'"{C}"')
    folder.lock()
    assert section(folder).hub[Hub("dataset", "some/data", C)] == C


def test_pins_stay_until_they_are_upgraded(folder: Folder) -> None:
    folder.lock()
    folder.ref("models--some--model", "main", C)
    folder.ref("datasets--some--data", "v1", C)
    folder.lock()
    assert section(folder).hub == {MODEL: A, DATA: B}
    folder.lock("--upgrade", "base", "child.recipe")
    assert section(folder).hub == {MODEL: C, DATA: B}
    done = folder.lock("--upgrade", "child.recipe")
    assert section(folder).hub == {MODEL: C, DATA: C}
    assert f"~ child.recipe: dataset some/data at v1: {B[:12]} -> {C[:12]}" in done.stdout


@pytest.mark.parametrize("name", ["more", "some/data"])
def test_upgrade_by_label_or_id(name: str, folder: Folder) -> None:
    folder.lock()
    folder.ref("datasets--some--data", "v1", C)
    folder.lock("child.recipe", "--upgrade", name)
    assert section(folder).hub == {MODEL: A, DATA: C}


def test_upgrade_of_what_is_not_there(folder: Folder) -> None:
    with pytest.raises(Refused, match="called `mor`; did you mean `more`"):
        folder.lock("child.recipe", "--upgrade", "mor")


def test_packages_stay_until_they_are_upgraded(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "installed", lambda: {"torch": "2.0", "trl": "1.0"})
    folder.lock()
    monkeypatch.setattr(collect, "installed", lambda: {"torch": "2.1", "peft": "0.1"})
    assert folder.lock("--check", "child.recipe").stdout == "child.recipe: torch: 2.0 -> 2.1\n"
    folder.lock()
    assert parse_lock(folder.text.encode(), "").packages == {"torch": "2.0", "trl": "1.0", "peft": "0.1"}
    folder.lock("child.recipe", "--upgrade", "torch")
    assert parse_lock(folder.text.encode(), "").packages == {"torch": "2.1", "trl": "1.0", "peft": "0.1"}


def test_another_revision_is_resolved(folder: Folder) -> None:
    folder.lock()
    folder.ref("datasets--some--data", "v2", C)
    folder.replace("child.recipe", '"v1"', '"v2"')
    assert (
        folder.lock("--check", "child.recipe").stdout
        == "child.recipe: revision of dataset some/data: v1 -> v2\n"
    )
    folder.lock()
    assert section(folder).hub == {MODEL: A, Hub("dataset", "some/data", "v2"): C}


def test_all_that_cannot_be_pinned_is_named(folder: Folder) -> None:
    folder.replace("parent.recipe", "some/model", "other/model")
    folder.replace("child.recipe", '"v1"', '"v9"')
    (folder.place / "chats.jsonl").unlink()
    with pytest.raises(Refused) as caught:
        folder.lock()
    said = str(caught.value)
    assert "model other/model at main" in said
    assert "dataset some/data at v9" in said
    assert "  chats.jsonl" in said
    assert not (folder.place / "smolc.lock").exists()


@pytest.mark.parametrize("id", ["../../etc", "some/../data", "/etc/passwd", "some/data/more/..", "a b"])
def test_an_id_that_is_none(id: str, folder: Folder) -> None:
    folder.replace("child.recipe", '"some/data"', f'"{id}"')
    with pytest.raises(Refused, match="no commit that is known here"):
        folder.lock()


def test_a_ref_that_is_no_commit(folder: Folder) -> None:
    folder.ref("datasets--some--data", "v1", "not a commit")
    with pytest.raises(Refused, match="dataset some/data at v1"):
        folder.lock()


def test_missing_files_may_be_left_out(folder: Folder) -> None:
    (folder.place / "chats.jsonl").unlink()
    done = folder.lock("child.recipe", "--allow-missing")
    assert "left out: chats.jsonl is not on this machine" in done.stderr
    assert list(section(folder).files) == ["parent.recipe"]


def test_a_pin_of_a_missing_file_stays(folder: Folder) -> None:
    folder.lock()
    before = folder.text
    (folder.place / "chats.jsonl").unlink()
    folder.lock("child.recipe", "--allow-missing")
    assert folder.text == before
    assert folder.lock("--check", "child.recipe").exit_code == 1
    assert folder.lock("--check", "child.recipe", "--allow-missing").exit_code == 0


DRIFT = {
    "data": ("chats.jsonl", "{}", "[]", "chats.jsonl: ca3d163bab05 -> 37517e5f3dc6"),
    "data grows": ("chats.jsonl", "{}", "{}\n{}", "chats.jsonl: 3 bytes -> 6 bytes"),
    "parent": ("parent.recipe", '"parent"', '"PARENT"', "parent.recipe: "),
    "template": ("chat.jinja", "messages", "message", "template chat: "),
    "new": ("child.recipe", "chats = all;", "chats = all; other = all;", "other.jsonl: not in the lock"),
    "gone": (
        "child.recipe",
        "more = all",
        "",
        "dataset some/data at v1: locked, and not read by the recipe any more",
    ),
    "new hub": ("child.recipe", '"some/data"', '"some/other"', "dataset some/other at v1: not in the lock"),
}


@pytest.mark.parametrize("case", DRIFT)
def test_drift_is_named(case: str, folder: Folder) -> None:
    folder.lock()
    before = folder.text
    name, old, new, said = DRIFT[case]
    if case == "new":
        folder.write("other.jsonl", "{}\n")
        folder.replace("child.recipe", "dataset more", 'dataset other { path = "other.jsonl" }\ndataset more')
    if case == "gone":
        folder.replace("child.recipe", 'dataset more { hub = "some/data"; revision = "v1" }\n', "")
    folder.replace(name, old, new)
    check = folder.lock("--check", "child.recipe")
    assert check.exit_code == 1
    assert said in check.stdout
    built = folder.build("--locked")
    assert built.exit_code == 1
    assert f"error: not as locked: {said}" in built.stderr
    assert not (folder.place / "built").exists()
    assert folder.text == before
    if case != "new hub":
        folder.lock()
        assert folder.lock("--check", "child.recipe").exit_code == 0
        assert folder.build("--locked").exit_code == 0


def test_nothing_drifts(folder: Folder) -> None:
    folder.lock()
    done = folder.lock("--check", "child.recipe")
    assert (done.exit_code, done.stdout) == (0, "child.recipe: as locked\n")
    # A comment or an order is not content.
    folder.replace(
        "child.recipe",
        'dataset chats { path = "chats.jsonl" }',
        '# chats\ndataset chats { path = "./chats.jsonl" }',
    )
    assert folder.lock("--check", "child.recipe").exit_code == 0


def test_check_without_a_lock(folder: Folder) -> None:
    assert folder.lock("--check", "child.recipe").exit_code == 1
    assert not (folder.place / "smolc.lock").exists()


def test_one_file_for_the_recipes_of_a_folder(folder: Folder) -> None:
    folder.write("other.recipe", (folder.place / "child.recipe").read_text().replace("child", "other"))
    folder.lock("child.recipe")
    folder.ref("datasets--some--data", "v1", C)
    folder.lock("other.recipe")
    assert section(folder).hub == section(folder, "other.recipe").hub
    (folder.place / "other.recipe").unlink()
    folder.lock("child.recipe")
    assert "other.recipe" not in folder.text


def test_recipes_of_two_folders(folder: Folder) -> None:
    for name in ("parent.recipe", "child.recipe", "chat.jinja", "chats.jsonl"):
        folder.write(f"sub/{name}", (folder.place / name).read_text())
    folder.lock("child.recipe", "sub/child.recipe")
    assert (folder.place / "sub/smolc.lock").read_text() == folder.text


def test_a_parent_in_another_folder(folder: Folder) -> None:
    folder.write(
        "sub/child.recipe", (folder.place / "child.recipe").read_text().replace('"parent', '"../parent')
    )
    folder.write("sub/chats.jsonl", "{}\n")
    folder.lock("sub/child.recipe")
    text = (folder.place / "sub/smolc.lock").read_text()
    assert 'path = "../parent.recipe"' in text


def test_the_files_of_a_model(folder: Folder) -> None:
    for name in ("config.json", "tokenizer.json", "model.safetensors", "README.md", ".git"):
        folder.write(f"m/{name}", name)
    folder.replace("parent.recipe", 'hub = "some/model"', 'path = "m"')
    folder.lock()
    assert [p for p in section(folder).files if p.startswith("m/")] == [
        "m/config.json",
        "m/model.safetensors",
        "m/tokenizer.json",
    ]
    folder.write("m/README.md", "changed")
    assert folder.lock("--check", "child.recipe").exit_code == 0
    folder.write("m/config.json", "changed")
    assert folder.lock("--check", "child.recipe").exit_code == 1


def test_a_gguf_file_and_no_other(folder: Folder) -> None:
    for name in ("q4.gguf", "q8.gguf", "config.json"):
        folder.write(f"m/{name}", name)
    folder.replace("parent.recipe", 'hub = "some/model"', 'path = "m"; gguf = "q4.gguf"')
    folder.lock()
    assert [p for p in section(folder).files if p.startswith("m/")] == ["m/config.json", "m/q4.gguf"]


def test_the_tokenizer_in_the_cache(folder: Folder) -> None:
    snapshot = f"hub/models--some--model/snapshots/{A}"
    folder.write(f"{snapshot}/tokenizer.json", "{}")
    folder.write(f"{snapshot}/tokenizer_config.json", json.dumps({"chat_template": "hello"}))
    folder.lock()
    pins = section(folder).tokenizers
    assert sorted(file for _, file in pins) == ["chat_template", "tokenizer.json", "tokenizer_config.json"]
    assert pins["some/model", "chat_template"].sha256 == hashlib.sha256(b"hello").hexdigest()
    folder.write(f"{snapshot}/tokenizer.json", "{ }")
    assert "tokenizer.json of some/model: " in folder.lock("--check", "child.recipe").stdout
    (folder.place / snapshot / "tokenizer.json").unlink()
    assert folder.lock("--check", "child.recipe").exit_code == 0


def test_errors_in_a_recipe(folder: Folder) -> None:
    folder.replace("child.recipe", "init = base", "init = bas")
    done = folder.lock()
    assert done.exit_code == 1
    assert "did you mean `base`?" in done.stderr
    assert folder.lock("none.recipe").exit_code == 2
    assert not (folder.place / "smolc.lock").exists()


@pytest.mark.parametrize("arguments", [(), ("--upgrade",), ("--check", "--upgrade", "base", "child.recipe")])
def test_bad_invocations(arguments: tuple[str, ...], folder: Folder) -> None:
    from locking import invoke

    from smolc.compiler.cli import lock

    assert invoke(lock.command, *arguments).exit_code == 2


def test_a_file_that_changes_while_it_is_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    real = os.fstat
    calls = iter(range(1000))

    class Later:
        st_mode, st_size, st_mtime_ns = 0o100644, 3, 0

        def __init__(self) -> None:
            self.st_mtime_ns = next(calls)

    monkeypatch.setattr(collect.os, "fstat", lambda fd: Later() if real(fd).st_size == 3 else real(fd))
    with pytest.raises(Refused, match=r"chats\.jsonl changed while it was read"):
        folder.lock()
    assert not (folder.place / "smolc.lock").exists()


def test_a_lock_that_changes_while_it_is_made(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.lock()
    folder.write("chats.jsonl", "[]\n")
    before = folder.text
    real = collect.installed

    def meanwhile() -> dict[str, str]:
        folder.write("smolc.lock", before + "# somebody else\n")
        return real()

    monkeypatch.setattr(collect, "installed", meanwhile)
    with pytest.raises(Refused, match="changed while it was read"):
        folder.lock()
    assert folder.text == before + "# somebody else\n"


def test_data_that_is_a_pipe(folder: Folder) -> None:
    import os

    (folder.place / "chats.jsonl").unlink()
    os.mkfifo(folder.place / "chats.jsonl")
    with pytest.raises(Refused, match=r"chats\.jsonl"):
        folder.lock()


def test_a_folder_that_cannot_be_written(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder.lock()
    before = folder.text
    folder.write("chats.jsonl", "[]\n")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(Refused, match="cannot write"):
        folder.lock()
    assert folder.text == before
    assert folder.leftovers() == []
