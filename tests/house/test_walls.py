"""The compiler runs without torch, and the runtime without the compiler."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tree import REPO, modules

HEAVY = ("torch", "transformers", "datasets", "trl", "accelerate", "peft", "deepspeed", "lm_eval")
RECIPES = sorted((REPO / "recipes").glob("*.recipe"))

# Runs the command and prints what it had imported in the end.
IMPORTED = """
import sys
from smolc.compiler.cli.main import main
code = None
try:
    main()
except SystemExit as ended:
    code = ended.code
finally:
    print("ended", code, *sorted(sys.modules), file=sys.__stderr__)
"""

# Imports every module of the runtime, where importing the compiler is an error.
WITHOUT_COMPILER = """
import importlib, pkgutil, sys

class NoCompiler:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("smolc.compiler"):
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, NoCompiler())
import smolc.runtime
for module in pkgutil.walk_packages(smolc.runtime.__path__, "smolc.runtime."):
    if ".sandbox.inside." in module.name:
        continue  # scripts, which run alone
    importlib.import_module(module.name)
    print(module.name)
"""

# Imports what starts jobs, where importing the packages named is an error.
WITHOUT_PACKAGES = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
import smolc.runtime.execute.__main__
"""


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports, those inside functions too."""
    for node in ast.walk(ast.parse((REPO / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ("smolc", *path.parts)[: -node.level] if node.level else ()
            module = ".".join((*above, node.module or "")).rstrip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", modules("compiler", "templates"), ids=str)
def test_no_module_of_the_compiler_imports_what_trains(path: Path) -> None:
    forbidden = (*HEAVY, "smolc.runtime")
    assert [name for name in imports(path) if any(inside(name, f) for f in forbidden)] == []


@pytest.mark.parametrize("path", modules("runtime"), ids=str)
def test_no_module_of_the_runtime_imports_the_compiler(path: Path) -> None:
    assert [name for name in imports(path) if inside(name, "smolc.compiler")] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
@pytest.mark.parametrize("command", ["lint", "build"])
def test_compiling_imports_nothing_that_trains(command: str, recipe: Path, tmp_path: Path) -> None:
    arguments = [command, str(recipe)] + (["-o", str(tmp_path / "built")] if command == "build" else [])
    done = python(IMPORTED, *arguments)
    _, code, *imported = done.stderr.splitlines()[-1].split()
    assert code in ("0", "None"), done.stdout + done.stderr
    assert "smolc.compiler.plan.build" in imported
    assert [name for name in imported if any(inside(name, f) for f in (*HEAVY, "smolc.runtime"))] == []


def test_what_starts_jobs_needs_none_of_their_packages() -> None:
    """A compiled folder is looked at and started where only `pip install smolc` was done."""
    done = python(WITHOUT_PACKAGES, *HEAVY, "numpy", "pyarrow", "tokenizers", "huggingface_hub")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra")
def test_the_whole_runtime_imports_without_the_compiler() -> None:
    done = python(WITHOUT_COMPILER)
    assert done.returncode == 0, done.stderr
    names = set(done.stdout.split())
    wanted = [m.with_suffix("").parts for m in modules("runtime") if m.name != "__init__.py"]
    wanted = [parts for parts in wanted if "inside" not in parts]
    assert {".".join(("smolc", *parts)) for parts in wanted} <= names
