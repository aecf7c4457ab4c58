#!/usr/bin/env bash
# quickstart: From random weights to a model that reverses words, and briefly: SFT on a grid, then DPO and ORPO.
# Written by smolc from quickstart.recipe for cluster `laptop`. Change the recipe and build again, rather than this file.
#
#   ./run.sh              run what is not done yet, and end in report.html
#   ./run.sh --dry-run    say what would run
#   ./run.sh --final      and measure on test data: final, held back otherwise; each time is counted
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
job base "$@"           # start model: a llama from scratch

# Before anything is trained
job contamination "$@"  # what is trained on against what the evals ask

# Stage sft
job sft-data "$@"       # sft: mix, render, mask and pack practice
job sft-lr-5e-4 "$@"    # sft: sft from base, optim.lr = 5e-4
job sft-lr-2e-3 "$@"    # sft: sft from base, optim.lr = 2e-3
job sft-lr-8e-3 "$@"    # sft: sft from base, optim.lr = 8e-3
job sft-best "$@"       # sft: the run with the smallest eval_loss

# Stage dpo
job dpo-data "$@"       # dpo: mix, render, mask and pack taste
job dpo "$@"            # dpo: dpo from sft.best

# Stage orpo
job orpo-data "$@"      # orpo: mix, render, mask and pack taste
job orpo "$@"           # orpo: orpo from sft.best

# Eval check
job check "$@"          # check: reversed, curious of base, sft, dpo, orpo
job check-expect "$@"   # check: what must hold

# Eval final
job final "$@"          # final: held_out of base, dpo, orpo

# What came of it
job report "$@"         # the report: curves, grids, shares, samples
