"""lm-eval's own tasks, by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from smolc.runtime.evaluate.copies import copied, tried, unread
from smolc.runtime.evaluate.ifeval import registry
from smolc.runtime.evaluate.settle import seeded, settle
from smolc.runtime.evaluate.tasks.base import draw
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import SuiteTask

SANDBOX = "evaluate it in a sandbox of your own"


def load_suite(context: Context, task: SuiteTask) -> dict[str, Any]:
    """`{"tasks": ..., "groups": ...}` as lm-eval's `evaluate` takes them. Raises JobError for an unknown
    task, one whose data cannot be had, or one that would run code that a model wrote."""
    # lm-eval takes paths for names, and a task file can name Python code to run.
    if not re.fullmatch(r"[\w().+-]+", task.task):
        raise JobError(f"{task.task!r} is not the name of an lm-eval task", help="see lm-eval ls tasks")
    if task.task == "ifeval":
        registry()  # before lm-eval imports it, which would fetch what nltk lacks
    try:
        with copied(context, task), seeded(task.task):
            loaded = _load(task.task)
    except JobError:
        raise
    except _UnknownTask as error:
        raise JobError(
            f"lm-eval has no task {task.task!r}", help="lm-eval ls tasks lists what it has"
        ) from error
    except ImportError as error:
        raise JobError(
            f"task {task.task} needs a package that is not installed: {str(error).splitlines()[0]}",
            help="install it beside lm-eval; some come with its extras: pip install 'lm-eval[ifeval]'",
        ) from error
    except Exception as error:  # datasets and the hub raise many kinds
        if task.location is not None:
            raise unread(task, task.task, None, error) from error
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise JobError(
            f"task {task.task}: its data cannot be had: {reason}",
            help="run it once on a machine with a network and copy the cache (HF_HOME), unset HF_HUB_OFFLINE "
            "if there is a network, or leave the task out",
        ) from error
    tasks = loaded["tasks"]
    unsafe = [name for name, t in tasks.items() if getattr(t, "UNSAFE_CODE", False)]
    if unsafe:
        raise JobError(
            f"task {task.task} runs code that the model writes ({unsafe[0]}), which smolc does not do",
            help=SANDBOX,
        )
    if len(tasks) > 1 and task.task not in loaded["groups"]:
        raise JobError(
            f"{task.task} is a tag of {len(tasks)} lm-eval tasks, without a score of its own",
            help=f"name one of them: {', '.join(sorted(tasks)[:8])}",
        )
    for one in tasks.values():
        if one.get_config("num_fewshot") is None:
            one.set_config(key="num_fewshot", value=0)
    tried(task, tasks)
    for one in tasks.values():
        settle(one)
    return dict(loaded)


class _UnknownTask(Exception):
    """lm-eval does not have it."""


def _load(name: str) -> Any:
    """Indexing all of lm-eval's 14,000 task files takes half a minute: first only the folder that has it."""
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager

    root = Path(lm_eval.tasks.__file__).parent
    folder = _folder_of(name, root)
    if folder is not None:
        manager = TaskManager(include_defaults=False, include_path=str(folder))
        if name in manager.task_index and _whole(manager, name):
            return _built(manager, name)
    manager = TaskManager()
    if name not in manager.task_index:
        raise _UnknownTask(name)
    return _built(manager, name)


def _whole(manager: Any, name: str) -> bool:
    """Whether the tasks of a group are known, too: they may lie in other folders."""
    members = (manager.task_index[name].cfg or {}).get("task")
    if not isinstance(members, list):
        return True
    named = [m for m in members if isinstance(m, str)]
    return all(m in manager.task_index and _whole(manager, m) for m in named)


def _built(manager: Any, name: str) -> Any:
    # Before anything of the task is imported: such tasks fetch the code of their metric then.
    if (manager.task_index[name].cfg or {}).get("unsafe_code"):
        raise JobError(f"task {name} runs code that the model writes, which smolc does not do", help=SANDBOX)
    return manager.load([name])


def _folder_of(name: str, root: Path) -> Path | None:
    """The folder under `root` with a file that declares the task or group `name`."""
    declared = re.compile(rb"^(?:task|group)\s*:\s*[\"']?" + re.escape(name.encode()) + rb"[\"']?\s*$", re.M)
    named_alike = sorted(root.iterdir(), key=lambda p: (not name.startswith(p.name), p.name))
    for folder in named_alike:
        if folder.is_dir() and any(declared.search(file.read_bytes()) for file in folder.rglob("*.yaml")):
            return folder
    return None


def metric_key(task: SuiteTask, measured: dict[str, Any]) -> str:
    """The key `metric,filter` of lm-eval's results; of several filters, the first. Raises JobError."""
    keys = [k for k in measured if "," in k and "_stderr," not in k]
    for key in keys:
        if task.metric in (key, key.partition(",")[0]):
            return key
    raise JobError(
        f"task {task.task} has no metric {task.metric!r}", help=f"it has {', '.join(keys) or 'none'}"
    )


def indices(loaded: dict[str, Any], task: SuiteTask, seed: int) -> dict[str, list[int]]:
    """By subtask, the numbers of the documents that are asked: all of them, or the subset."""
    documents = [(name, i) for name, one in loaded["tasks"].items() for i in range(len(one.eval_docs))]

    def stratum(document: tuple[str, int]) -> str:
        name, number = document
        column = loaded["tasks"][name].eval_docs[number].get(task.strata, "") if task.strata else ""
        return f"{name} {column}"

    chosen: dict[str, list[int]] = {name: [] for name in loaded["tasks"]}
    for name, number in draw(documents, task.subset, stratum, seed):
        chosen[name].append(number)
    return chosen
