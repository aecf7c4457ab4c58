"""No key of a job.yaml is ignored: the code that runs a job reads every field of its types.

mypy says of which type each attribute is read, so `args.seed` does not pass for a read of `job.seed`. An unknown key is
refused as the file is read (`Strict`); that a key which is read changes something is
`tests/train/test_every_key_counts.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_origin

import pytest
from mypy import build
from mypy.modulefinder import BuildSource
from mypy.nodes import MemberExpr
from mypy.options import Options
from mypy.types import Instance, UnionType, get_proper_type
from pydantic.fields import FieldInfo
from tree import modules

from smolc.runtime.jobs import manifest
from smolc.runtime.jobs.base import Job, Strict

RUNS = ("contamination", "data", "evaluate", "generate", "jobs", "merge", "pairs", "train")
"""Rooms that run jobs. Others look at what came out: that they read a key does not make it count."""

CHANCELESS = ("CullJob", "PickJob", "ReportJob", "ReplicateJob", "GateJob", "ContaminationJob", "MergeJob")
ELSEWHERE = {
    **{f"{kind}.{key}": "nothing is drawn or computed" for kind in CHANCELESS for key in ("seed", "device")},
    "PrepareJob.device": "no model runs",
    "ModelJob.device": "no model runs",
    "Job.title": "for people",
    "Job.stage": "for people",
    "Job.needs": "the manifest has it, too: what is started when is decided before the job's file is read",
    "Mapped.system": "with its neighbours by getattr, in formats/mapped",
    "Mapped.user": "as Mapped.system",
    "Mapped.assistant": "as Mapped.system",
    "Mapped.chosen": "as Mapped.system",
    "Mapped.rejected": "as Mapped.system",
    "NeedleTask.strata": "lengths and depths are its strata",
}
FAKE = "never_read_by_anyone"


def types() -> list[type[Strict]]:
    """All that a job file is made of, without the types that only have others below them."""
    found: dict[type[Strict], None] = {}

    def add(kind: type[Strict]) -> None:
        for each in kind.__subclasses__():
            if each.__module__ != manifest.__name__:
                add(each)
                if not each.__subclasses__():
                    found[each] = None

    add(Strict)
    return list(found)


def decides(field: FieldInfo) -> bool:
    """Whether it can have more than one value: `type: Literal["full"]` says which type it is."""
    kind = field.annotation
    return not (get_origin(kind) is Literal and len(kind.__args__) == 1)  # type: ignore[union-attr]


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.fixture(scope="module")
def read() -> set[tuple[str, str]]:
    """Type and attribute, wherever the rooms read one. TrainJob has a field more than it has."""
    options = Options()
    options.python_version = (3, 11)
    options.namespace_packages = options.explicit_package_bases = True
    options.mypy_path = ["src"]
    options.follow_imports, options.ignore_errors, options.check_untyped_defs = "skip", True, True
    options.preserve_asts = options.export_types = True
    options.incremental, options.cache_dir = False, "/dev/null"
    sources = []
    for path in modules("runtime"):
        if path.parts[1] in RUNS:
            parts = path.with_suffix("").parts
            text = path.read_text(encoding="utf-8")
            if path == Path("runtime/jobs/train.py"):
                text = re.sub(r'(kind: Literal\["train"\])', rf"\1\n    {FAKE}: int", text)
                assert FAKE in text
            module = ".".join(["smolc", *(part for part in parts if part != "__init__")])
            sources.append(BuildSource(str(path), module, text))
    types = build.build(sources, options).types
    found: set[tuple[str, str]] = set()
    for expression in list(types):
        if isinstance(expression, MemberExpr) and expression.expr in types:
            of = get_proper_type(types[expression.expr])
            for each in of.items if isinstance(of, UnionType) else [of]:
                proper = get_proper_type(each)
                if isinstance(proper, Instance):
                    found.add((proper.type.fullname, expression.name))
    return found


def unread(read: set[tuple[str, str]], kind: type[Strict], *more: str) -> Iterator[str]:
    """Fields of `kind` and those it inherits; a read by a parent type counts, if the field is the parent's."""
    for field in (*(f for f, said in kind.model_fields.items() if decides(said)), *more):
        owners = {name_of(k) for k in kind.__mro__ if issubclass(k, Strict) and field in k.model_fields}
        if not owners & {of for of, name in read if name == field}:
            yield field


def excused(kind: type[Strict], field: str) -> bool:
    return any(f"{each.__name__}.{field}" in ELSEWHERE for each in kind.__mro__)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", types(), ids=lambda kind: kind.__module__.rpartition(".")[2] + "." + kind.__name__
)
def test_every_field_of_a_job_is_read_by_what_runs_it(read: set[tuple[str, str]], kind: type[Strict]) -> None:
    assert [field for field in unread(read, kind) if not excused(kind, field)] == []


@pytest.mark.slow
def test_a_field_that_nobody_reads_is_found(read: set[tuple[str, str]]) -> None:
    train = next(kind for kind in types() if kind.__name__ == "TrainJob")
    assert FAKE in set(unread(read, train, FAKE))


@pytest.mark.slow
def test_no_excuse_is_left_over(read: set[tuple[str, str]]) -> None:
    kinds = {kind.__name__: kind for kind in (Job, *types())}
    for excuse in ELSEWHERE:
        kind, field = excuse.split(".")
        assert field in set(unread(read, kinds[kind])), excuse
