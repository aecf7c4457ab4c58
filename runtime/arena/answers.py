"""What models answered to the same prompts, read from the evaluate jobs of compiled folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smolc.runtime.data.formats import Message
from smolc.runtime.evaluate.answers import without_thinking
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.jobs.manifest import BrokenFolder, Manifest, read_job, read_manifest
from smolc.runtime.report.outputs import mapping, objects, read_lines, read_object


@dataclass(frozen=True)
class Answer:
    """turns: what the model said, without chains of thought, one for each time that the user spoke; the last one counts.
    cut: it did not end by itself."""

    turns: tuple[str, ...]
    cut: bool


@dataclass
class Prompt:
    """One question of a task and the models' answers, by model. messages: up to the first answer, follow_ups: what the
    user says after each; rendered: the messages are one text, as the template made it of messages that are not known."""

    task: str
    id: str
    messages: list[Message]
    follow_ups: tuple[str, ...]
    category: str
    note: str
    tools: bool
    rendered: bool
    answers: dict[str, Answer] = field(default_factory=dict)


def prompts_of(folders: Sequence[Path], tasks: Sequence[str]) -> list[Prompt]:
    """Of all evaluate jobs of the folders that have samples, in their order. tasks: names; none for the vibe tests, or
    for all tasks where there are no vibe tests. What two folders call the same gets the folder's name before it. Raises
    BrokenFolder, JobError."""
    found: dict[tuple[str, ...], Prompt] = {}
    prefixes = _prefixes(folders)
    vibes = set[str]()
    for folder, prefix in zip(folders, prefixes, strict=True):
        manifest = read_manifest(folder)
        vibes |= _vibes(folder, manifest)
        for entry in manifest.jobs:
            if entry.kind == "evaluate":
                _read(folder / "out" / entry.id, prefix, found)
    known = sorted({prompt.task for prompt in found.values()})
    if missing := [name for name in tasks if name not in known]:
        raise JobError(
            f"no samples of a task {missing[0]}", help=f"there are: {', '.join(known)}" if known else None
        )
    wanted = set(tasks) or vibes & set(known) or set(known)
    return [prompt for prompt in found.values() if prompt.task in wanted]


def _prefixes(folders: Sequence[Path]) -> list[str]:
    """`a:` for the models of a folder `a`, where there are several."""
    if len(folders) == 1:
        return [""]
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    return [f"{name}:" for name in names]


def _vibes(folder: Path, manifest: Manifest) -> set[str]:
    """Names of the tasks that are there for people."""
    names = set[str]()
    for entry in manifest.jobs:
        if entry.kind == "evaluate":
            try:
                job = read_job(folder, entry.id)
            except BrokenFolder:
                continue
            assert isinstance(job, EvaluateJob)
            names |= {task.name for task in job.tasks if task.type == "vibe"}
    return names


def _read(out: Path, prefix: str, found: dict[tuple[str, ...], Prompt]) -> None:
    tags = read_object(out / "results.json").get("strip_thinking")
    thinking = (str(tags[0]), str(tags[1])) if isinstance(tags, list) and len(tags) == 2 else None
    for row in read_lines(out / "samples.jsonl"):
        if row.get("sample", 0) != 0 or not isinstance(row.get("answer"), str):
            continue
        messages = objects(row.get("messages"))
        rendered = not messages
        if rendered:
            messages = [{"role": "user", "content": str(row.get("prompt"))}]
        follow_ups = tuple(map(str, row["follow_ups"])) if isinstance(row.get("follow_ups"), list) else ()
        task, id = str(row.get("task")), str(row.get("id"))
        # A question that was changed between two runs is another one.
        key = (task, id, repr(messages), repr(follow_ups))
        if key not in found:
            category, note = row.get("category"), row.get("gold") if "messages" in row else None
            found[key] = Prompt(
                task,
                id,
                messages,
                follow_ups,
                str(category or ""),
                str(note or ""),
                bool(row.get("tools")),
                rendered,
            )
        said = [str(mapping(turn).get("answer")) for turn in objects(row.get("turns"))] or [row["answer"]]
        turns = tuple(_visible(text, thinking) for text in said)
        if len(turns) == 1 + len(follow_ups) or rendered:
            cut = row.get("stopped") is False
            found[key].answers.setdefault(f"{prefix}{row.get('model')}", Answer(turns, cut))


def _visible(text: str, thinking: tuple[str, str] | None) -> str:
    return (without_thinking(text, thinking)[0] if thinking else text).strip()
