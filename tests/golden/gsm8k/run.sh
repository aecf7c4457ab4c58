#!/usr/bin/env bash
# gsm8k: SmolLM2-135M on grade-school maths: SFT on a grid, then DPO on strong against weak answers.
# Written by smolc from gsm8k.recipe for cluster `local`. Change the recipe and build again, rather than this file.
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
job base "$@"           # start model: gsm8k/model

# Before anything is trained
job contamination "$@"  # what is trained on against what the evals ask

# Stage sft
job sft-data "$@"       # sft: mix, render, mask and pack practice
job sft-lr-3e-5 "$@"    # sft: sft from base, optim.lr = 3e-5
job sft-lr-1e-4 "$@"    # sft: sft from base, optim.lr = 1e-4
job sft-lr-3e-4 "$@"    # sft: sft from base, optim.lr = 3e-4
job sft-lr-1e-3 "$@"    # sft: sft from base, optim.lr = 1e-3
job sft-best "$@"       # sft: the run with the smallest eval_loss

# Stage dpo
job dpo-data "$@"       # dpo: mix, render, mask and pack taste
job dpo "$@"            # dpo: dpo from sft.best

# Eval final
job final "$@"          # final: held_out of base, sft, dpo

# What came of it
job report "$@"         # the report: curves, grids, shares, samples
