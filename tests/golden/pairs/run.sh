#!/usr/bin/env bash
# pairs: A model's own answers, right over wrong, as pairs for DPO: sampled, checked and trained on, from random weights.
# Written by smolc from pairs.recipe for cluster `laptop`. Change the recipe and build again, rather than this file.
#
#   ./run.sh              run what is not done yet, and end in report.html
#   ./run.sh --dry-run    say what would run
#
# One job after another, up to the first that fails; `smolc run` starts independent ones together and goes on with them.
# It needs smolc's runtime (pip install 'smolc[train]'), not its compiler.
set -euo pipefail
cd "$(dirname "$0")"

execute=("${SMOLC_PYTHON:-python3}" -m smolc.runtime.execute .)
if [[ " $* " == *" --dry-run "* ]]; then
  exec "${execute[@]}" "$@"
fi

job() {
  "${execute[@]}" --only "$@" &
  wait "$!"
}

# kill, Ctrl-C or Slurm's time limit ends the job, too, and waits for it. It is told with USR1, since it may have got the same
# signal itself, which would mean to hurry if it came twice.
stop() {
  kill -USR1 $(jobs -p) 2> /dev/null || true
  wait
  exit 130
}
trap stop INT TERM HUP

# Where it starts
job base "$@"              # start model: a llama from scratch

# Stage sft
job sft-data "$@"          # sft: mix, render, mask and pack words
job sft "$@"               # sft: sft from base

# Answers tries
job tries "$@"             # tries: sft answers words 4 times

# Pairs right_over_wrong
job right_over_wrong "$@"  # right_over_wrong: pairs of tries, by exact

# Stage dpo
job dpo-data "$@"          # dpo: mix, render, mask and pack practice
job dpo "$@"               # dpo: dpo from sft

# Eval check
job check "$@"             # check: reversed of sft, dpo

# What came of it
job report "$@"            # the report: curves, grids, shares, samples
