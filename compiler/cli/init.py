"""`smolc init`: start a recipe."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smolc.compiler.diagnostics.types import Refused

if TYPE_CHECKING:
    from smolc.compiler.start.rows import Look
    from smolc.compiler.start.text import Start

METHODS = ("sft", "dpo", "orpo", "cpo", "simpo", "kto", "cpt")
NAME = "first"
BASE, CHAT = "HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct"


@click.command()
@click.argument("name", required=False)
@click.option("--method", type=click.Choice(METHODS), help="How it is trained; by the data unless given.")
@click.option("--model", metavar="ID_OR_PATH", help="Where it starts: a hub id, a folder, or a GGUF file.")
@click.option(
    "--data",
    metavar="FILE_OR_ID",
    help="What it learns from: a file (jsonl, json, csv, parquet), or a hub id.",
)
@click.option(
    "--gpus", "--on", "on", metavar="8xh100", help="Where it runs: 8xh100, 2x8xh100, cpu; here unless given."
)
@click.option("--lora", is_flag=True, help="Train a few new weights, not all.")
@click.option("--qlora", is_flag=True, help="The same, over a base in 4 bit.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing; take the defaults.")
def command(
    name: str | None,
    method: str | None,
    model: str | None,
    data: str | None,
    on: str | None,
    lora: bool,
    qlora: bool,
    yes: bool,
) -> None:
    """Write NAME.recipe, a first recipe with comments. What no option says is asked for, on a terminal.

    The first rows of a local data file tell its format. A file that exists is never overwritten.
    Ends with 2 if an answer makes no sense, or the file is there.
    """
    if lora and qlora:
        raise click.UsageError("--lora and --qlora are two ways: give one")
    adapter = "qlora" if qlora else "lora" if lora else None
    ask = sys.stdin.isatty() and sys.stdout.isatty() and not yes
    if ask:
        click.echo("A few questions; Enter takes what stands in brackets.")
    name = name or (click.prompt("Name of the recipe", default=NAME) if ask else NAME)
    target = _target(_plain(name, "the name"))
    if data is None and not ask:
        raise click.UsageError("say what it learns from: --data FILE_OR_ID")
    data = _plain(data or click.prompt("Data: a file, or a hub id"), "the data")
    local = _is_local(data)
    seen = _look(data) if local else None
    method = method or _method(seen, ask)
    _check_method(method, data, seen)
    model = _plain(model or _model(method, ask), "the model")
    on = (
        on
        if on is not None
        else click.prompt("GPUs (such as 8xh100)", default="", show_default=False)
        if ask
        else ""
    )
    if (
        adapter is None
        and ask
        and click.confirm("LoRA: train a few new weights instead of all?", default=_is_large(model))
    ):
        adapter = "lora"
    on = _place(on)
    if adapter == "qlora" and on.lower().endswith("cpu"):
        raise Refused("qlora needs a GPU: its base is held in 4 bit; write --lora")
    start = _start(target, method, model, data, local, seen, on, adapter or "")
    _write(target, start)
    _say_next(target, start, seen)


def _plain(text: str, what: str) -> str:
    """One line of characters that can be seen. Raises Refused."""
    text = text.strip()
    if not text:
        raise Refused(f"{what} is empty")
    if not text.isprintable() or len(text) > 500:
        raise Refused(f"{what} has characters that cannot be seen, or too many")
    return text


def _target(name: str) -> Path:
    """The file to write. Raises Refused if it is there, or cannot be."""
    path = Path(name.removesuffix(".recipe") + ".recipe")
    if path.name == ".recipe" or path.stem.startswith("."):
        raise Refused(f"`{name}` is not a name for a recipe")
    if not path.parent.is_dir():
        raise Refused(f"there is no folder {path.parent} to put {path.name} into")
    if os.path.lexists(path):
        raise Refused(f"{path} is there already, and is left as it is; choose another name")
    return path


def _is_local(data: str) -> bool:
    from smolc.compiler.start.rows import SUFFIXES

    if Path(data).is_dir():
        raise Refused(f"{data} is a folder: name the file that holds the rows ({', '.join(SUFFIXES)})")
    if Path(data).exists() or data.lower().endswith(SUFFIXES):
        if not data.lower().endswith(SUFFIXES):
            raise Refused(f"{data} is no kind of file that is known: data files end in {', '.join(SUFFIXES)}")
        return True
    if not _is_id(data):
        raise Refused(f"`{data}` is neither a file nor a hub id: write train.jsonl, or somebody/some-data")
    return False


def _is_id(text: str) -> bool:
    import re

    return (
        re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", text, re.ASCII) is not None
        and ".." not in text
    )


def _look(data: str) -> Look:
    from smolc.compiler.start.rows import look

    return look(Path(data))


def _method(seen: Look | None, ask: bool) -> str:
    from smolc.compiler.start.text import BY_FORMAT

    guess = BY_FORMAT.get(seen.format.kind, "sft") if seen and seen.format else "sft"
    if not ask:
        return guess
    return str(click.prompt("Method", type=click.Choice(METHODS), default=guess))


def _check_method(method: str, data: str, seen: Look | None) -> None:
    from smolc.compiler.start.text import ACCEPTED

    if seen is None or seen.format is None or seen.format.kind in ACCEPTED[method]:
        return
    fitting = [m for m in METHODS if seen.format.kind in ACCEPTED[m]]
    raise Refused(
        f"{method} learns from {' or '.join(ACCEPTED[method])}, and the rows of {data} are {seen.format.kind}; "
        f"what fits them is {' or '.join(fitting)}"
    )


def _model(method: str, ask: bool) -> str:
    default = CHAT if method in ("dpo", "cpo", "simpo", "kto") else BASE
    return str(click.prompt("Model: a hub id, a folder, or a GGUF file", default=default)) if ask else default


def _is_large(model: str) -> bool:
    from smolc.compiler.plan.size import SIZE

    match = SIZE.search(model.replace("_", "-"))
    return match is not None and match[2].lower() == "b" and float(match[1]) > 3


def _place(on: str) -> str:
    from smolc.compiler.start.text import devices

    on = on.strip()
    if on and devices(on) is None:
        raise Refused(f"`{on[:60]}` is no machine that is known: write 8xh100, 2x8xh100, 1xrtx4090 or cpu")
    return on


def _start(
    target: Path, method: str, model: str, data: str, local: bool, seen: Look | None, on: str, adapter: str
) -> Start:
    from smolc.compiler.start.text import Start

    values: dict[str, Any] = {"name": target.stem, "method": method, "on": on, "adapter": adapter}
    if local:
        values["data_path"] = _relative(data, target)
        values["data_bytes"] = Path(data).stat().st_size if Path(data).is_file() else 0
        values["format"] = seen.format if seen else None
    else:
        values["data_hub"] = data
        values["data_revision"] = _commit("dataset", data)
    if model.lower().endswith(".gguf"):
        values["path"], values["gguf"] = _relative(str(Path(model).parent), target), Path(model).name
    elif Path(model).is_dir() or model.startswith((".", "/", "~")):
        values["path"] = _relative(model, target)
    elif _is_id(model):
        values["hub"] = model
        values["model_revision"] = _commit("model", model)
    else:
        raise Refused(
            f"`{model}` is neither a folder nor a hub id: write models/mine, or somebody/some-model"
        )
    return Start(**values)


def _relative(path: str, target: Path) -> str:
    """A path from the current folder, as one from the recipe's; absolute ones stay."""
    if Path(path).is_absolute():
        return path
    return Path(os.path.relpath(path, target.parent)).as_posix()


def _commit(kind: str, id: str) -> str:
    """What `main` is now; "" if that cannot be found out here."""
    from smolc.compiler.lock.hub import Unresolved, resolve_commit
    from smolc.compiler.lock.types import Hub

    try:
        return resolve_commit(Hub(kind, id, "main"))
    except Unresolved:
        return ""


def _write(target: Path, start: Start) -> None:
    """Beside its place first; linking it into its place fails if something is there by now."""
    import tempfile

    from smolc.compiler.start.text import text_of

    text = text_of(start)
    try:
        handle, name = tempfile.mkstemp(prefix=".smolc-init-", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            _place_new(name, target, text)
        finally:
            Path(name).unlink(missing_ok=True)
    except FileExistsError:
        raise Refused(f"{target} is there already, and is left as it is; choose another name") from None
    except OSError as error:
        raise Refused(f"cannot write {target}: {error.strerror}") from error


def _place_new(temporary: str, target: Path, text: str) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _say_next(target: Path, start: Start, seen: Look | None) -> None:
    said = [f"{target} is written."]
    if seen is not None and seen.format is not None:
        said.append(f"The rows of {start.data_path} look like {seen.format.text}.")
    if seen is not None and seen.note:
        columns = f" ({', '.join(seen.columns[:12])})" if seen.columns and seen.format is None else ""
        said.append(f"Look at `format`: of {start.data_path}, {seen.note}{columns}.")
    unpinned = (start.hub and not start.model_revision) or (start.data_hub and not start.data_revision)
    steps = [("lint", "what is to be said about it"), ("plan", "what would run")]
    if unpinned:
        steps.insert(0, ("lock", "pin what comes from the hub to commits"))
    steps.append(("run", "train, and end in a report"))
    said.append("Next:")
    written = shlex.quote(f"./{target}" if str(target).startswith("-") else str(target))
    said += [f"  smolc {step} {written}{' ' * (5 - len(step))}  # {why}" for step, why in steps]
    from smolc.compiler.diagnostics.excerpt import plain

    click.echo(plain("\n".join(said), keep_lines=True))
