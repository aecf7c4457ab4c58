"""Jobs that are killed, that meet one another, that find the disk full: nothing half-written is ever used, and what
is done is not done again."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from data_project import Project, chat, source
from job_process import alive, children, chunks, compiled, finish, many_chats, results, start, until
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data.prepare import run
from smolc.runtime.data.sources import files
from smolc.runtime.jobs.errors import JobError

linux = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def rows() -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in many_chats(15_000))


@pytest.fixture
def ready(project: Project, rows: bytes) -> Project:
    project.write("chats.jsonl", rows)
    compiled(project, source("chats.jsonl"))
    return project


@pytest.fixture(scope="module")
def calm(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerFast, rows: bytes
) -> dict[str, bytes]:
    """What an undisturbed job writes."""
    quiet = Project(tmp_path_factory.mktemp("calm"), tokenizer)
    base = quiet.build / "out" / "base"
    tokenizer.save_pretrained(base / "model")
    (base / "result.json").write_text(json.dumps({"model": {"out": "base/model"}}), encoding="utf-8")
    quiet.write("chats.jsonl", rows)
    compiled(quiet, source("chats.jsonl"))
    code, _, err = finish(start(quiet, workers=1))
    assert code == 0, err
    return results(quiet.build / "out" / "data")


@pytest.mark.slow
def test_killed_while_tokenising(ready: Project, calm: dict[str, bytes]) -> None:
    process = start(ready)
    until(lambda: len(chunks(ready)) >= 2, process)
    process.kill()
    process.communicate()
    (folder,) = (p for p in (ready.build / "out" / ".tokens").iterdir() if p.is_dir())
    assert not (folder / "done.json").exists()
    (folder / ".000009.arrow.1.partial").write_bytes(b"half")  # a worker may have left this
    kept = chunks(ready)
    code, _, err = finish(start(ready))
    assert code == 0, err
    assert len(chunks(ready)) > len(kept)
    assert kept.items() <= chunks(ready).items()
    assert not list(folder.glob(".*"))
    assert results(ready.build / "out" / "data") == calm


@pytest.mark.slow
def test_killed_while_the_result_is_written(ready: Project, calm: dict[str, bytes]) -> None:
    out = ready.build / "out" / "data"
    compiled(ready, source("chats.jsonl"), seed=8)
    assert finish(start(ready))[0] == 0
    tokens, earlier = chunks(ready), results(out)
    compiled(ready, source("chats.jsonl"))
    (out / "done.json").unlink()  # as a manifest with another hash does
    process = start(ready)
    until(lambda: list(out.glob(".train.partial/*.arrow")), process)
    process.send_signal(signal.SIGSTOP)
    assert (out / ".train.partial").exists()
    process.kill()
    process.communicate()
    assert {name: content for name, content in results(out).items() if name.startswith("train/")} == {
        name: content for name, content in earlier.items() if name.startswith("train/")
    }
    assert not (out / "done.json").exists()
    code, _, err = finish(start(ready))
    assert code == 0, err
    assert results(out) == calm
    assert chunks(ready) == tokens


@linux
def test_a_worker_that_is_killed_ends_the_job_with_an_error(ready: Project) -> None:
    process = start(ready)
    until(lambda: chunks(ready), process)
    os.kill(children(process)[0], signal.SIGKILL)
    code, _, err = finish(process)
    assert code == 1
    assert err.startswith("error: chats: a process that prepared its rows was killed")
    assert "Traceback" not in err
    assert "help: run again" in err


@linux
def test_workers_end_with_the_job(ready: Project) -> None:
    process = start(ready, workers=3)
    until(lambda: chunks(ready), process)
    workers = children(process)
    assert len(workers) == 3
    process.kill()
    process.communicate()  # ends only when nobody has its output open any more
    end = start(ready)
    until(lambda: not any(map(alive, workers)), end)
    end.kill()
    end.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("ids", [("data", "data"), ("data", "more")])
def test_two_at_once(ready: Project, calm: dict[str, bytes], ids: tuple[str, str]) -> None:
    compiled(ready, source("chats.jsonl"), id=ids[1])
    running = [start(ready, id) for id in ids]
    seen: dict[str, set[tuple[int, int]]] = {}
    while any(process.poll() is None for process in running):
        for name, about in chunks(ready).items():
            seen.setdefault(name, set()).add(about)
    for process in running:
        code, _, err = finish(process)
        assert code == 0, err
    assert len(seen) > 2
    assert all(len(each) == 1 for each in seen.values())  # tokenised once
    for id in ids:
        assert results(ready.build / "out" / id) == calm
    assert seen.keys() == chunks(ready).keys()


FULL = """
import json, shutil, sys
from pathlib import Path
from data_project import Project, source, byte_tokenizer
from job_process import results
from smolc.runtime.jobs.errors import JobError

root, step = Path(sys.argv[1]), int(sys.argv[2])
project = Project(root, byte_tokenizer())
out = project.build / "out"
base = project.build / "base"
fields = {"holdout": {"fraction": None, "rows": 20}}
shutil.copytree(base, out / "base")
expected = results(project.run(source("chats.jsonl"), **fields).out)
said = []
left = 0
while True:
    for path in out.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(base, out / "base")
    with (out / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - left)
    try:
        project.run(source("chats.jsonl"), **fields)
        break
    except JobError as error:
        said.append([left, error.message, error.help])
    (out / "filler").unlink()
    again = project.run(source("chats.jsonl"), **fields)
    assert results(again.out) == expected, left
    left += step
assert results(out / "data") == expected
print(json.dumps(said))
"""


@pytest.mark.slow
@pytest.mark.long
def test_a_full_disk(project: Project) -> None:
    """With room for nothing, then for 4 KiB more each time, until it is enough."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    out = project.build / "out"
    mount = ["unshare", "--user", "--map-root-user", "--mount"]
    mount += ["sh", "-c", f'mount -t tmpfs -o size=1m none {out} && exec "$@"', "sh"]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    project.write("chats.jsonl", many_chats(60))
    shutil.copytree(out / "base", project.build / "base")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "SMOLC_WORKERS": "1"}
    ran = subprocess.run(
        [*mount, sys.executable, "-c", FULL, project.root, "4096"],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert len(said) > 5
    for left, message, help in said:
        assert message == f"no space is left on the disk of {out}", left
        assert "what is done is kept" in help


@contextmanager
def files_of(size: int) -> Iterator[None]:
    """No file may be larger: the system says so as it does of a full disk, at the write that is one too many."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_that_may_not_grow(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLC_WORKERS", "1")
    project.write("chats.jsonl", many_chats(300))
    out = project.build / "out" / "data"
    job = project.job([source("chats.jsonl")])
    failed = set()
    for size in (0, 300, 1000, 4000, 9000, 20_000, 40_000, 80_000, 120_000):
        try:
            with files_of(size):
                run(project.context(job))
        except JobError as error:
            assert "larger than a file may be here" in error.message
            failed.add(size)
            assert not list(out.glob("train/*")) or (out / "train" / "state.json").is_file()
    assert {0, 4000, 40_000} <= failed
    left = results(project.run(source("chats.jsonl")).out)
    shutil.rmtree(project.build / "out" / ".tokens")
    assert results(project.run(source("chats.jsonl")).out) == left
    assert not list(out.glob(".*"))


def test_more_chunks_than_files_may_be_open_by_default(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SIZE", 2000)
    project.write("chats.jsonl", many_chats(1000))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        dataset = project.run(source("chats.jsonl"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(chunks(project)) > 64
    assert len(dataset.rows()) == 1000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(project: Project) -> None:
    project.write("chats.jsonl", [chat("q", "a")])
    out = project.build / "out"
    out.chmod(0o555)
    try:
        with pytest.raises(JobError, match="Permission denied"):
            project.run(source("chats.jsonl"))
    finally:
        out.chmod(0o755)
