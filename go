#!/usr/bin/env bash
# Installs smolc into .venv when that is needed, then does what is asked:
#
#   ./go run recipes/quickstart.recipe   build and run a recipe, to its report
#   ./go build X.recipe                  compile only; also: init, fmt, lint, explain, plan, show, diff, lock
#   ./go test                            every test; ./go test ARGS hands ARGS to pytest
#   ./go check                           ruff, formatting, types; the recipes, formatted and reviewed
#
# PYTHON=python3.12 picks the interpreter, VENV=folder the environment, TORCH='torch==2.14.0' the torch.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VENV:-$here/.venv}
cpu_torch='torch==2.13.0+cpu' # asked for by its full name: plain `torch` brings gigabytes of CUDA on Linux
cpu_index=https://download.pytorch.org/whl/cpu

die() { printf 'go: %s\n' "$@" >&2; exit 1; }

find_python() {
  local name names=(python3 python python3.13 python3.12 python3.11 python3.10)
  [ -z "${PYTHON:-}" ] || names=("$PYTHON")
  for name in "${names[@]}"; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  die "no Python 3.10 or newer found (looked for: ${names[*]})" \
    "install one, or say where it is: PYTHON=/path/to/python3 ./go ..."
}

make_venv() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$python has no venv and ensurepip; on Debian and Ubuntu: apt-get install python3-venv"
  echo "go: making $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
}

has_gpu() { nvidia-smi -L 2>/dev/null | grep -q GPU; }

install_torch() {
  if [ -n "${TORCH:-}" ]; then
    "$venv/bin/pip" install -q "$TORCH"
  elif "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    return
  elif [ "$(uname)" = Linux ] && ! has_gpu; then
    # Its dependencies come with the next install, from the usual index.
    "$venv/bin/pip" install -q --no-deps --timeout 20 --retries 1 --index-url "$cpu_index" "$cpu_torch" ||
      die "the CPU build of torch could not be had from $cpu_index" \
        "to take another: TORCH='torch==2.13.0' ./go ... (from PyPI: gigabytes of CUDA libraries come with it)"
  fi
}

# needs EXTRAS: those extras are installed, from this pyproject.toml.
needs() {
  local extras=$1 stamp="$venv/installed-$1.txt"
  [ -x "$venv/bin/pip" ] || make_venv
  if cat "$here/pyproject.toml" "$here/go" | cmp -s - "$stamp"; then
    return
  fi
  echo "go: installing smolc[$extras] into $venv (the first time takes minutes)"
  install_torch
  if has_gpu; then extras=$extras,gpu; fi
  "$venv/bin/pip" install -q -e "${here}[$extras]"
  cat "$here/pyproject.toml" "$here/go" >"$stamp"
  case $1 in *dev*) cp "$stamp" "$venv/installed-train.txt" ;; esac
}

export PATH=$venv/bin:$PATH # as if activated: DeepSpeed looks for ninja there

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
  run | build | init | fmt | lint | explain | plan | show | diff | lock)
    needs train
    exec "$venv/bin/smolc" "$command" "$@"
    ;;
  test)
    needs train,dev
    cd "$here"
    if [ $# -gt 0 ]; then exec "$venv/bin/python" -m pytest "$@"; fi
    "$venv/bin/python" -m pytest -m 'not slow' -n 2
    # Some start two processes each; a file's tests share what they prepared.
    "$venv/bin/python" -m pytest -m 'slow and not long' -n 2 --dist loadfile
    ;;
  check)
    needs train,dev
    cd "$here"
    "$venv/bin/ruff" check
    "$venv/bin/ruff" format --check
    "$venv/bin/smolc" fmt --check recipes
    "$venv/bin/smolc" lint recipes/*.recipe --format concise
    "$venv/bin/mypy"
    ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
esac
