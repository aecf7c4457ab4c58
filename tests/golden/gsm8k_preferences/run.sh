#!/usr/bin/env bash
# gsm8k_preferences: Answers of a strong model (175B) over those of a weak one (6B): DPO on a grid, APO, ORPO and KTO from one SFT checkpoint.
# Written by smolc from gsm8k_preferences.recipe for cluster `local`. Change the recipe and build again, rather than this file.
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
job base "$@"                   # start model: gsm8k/model

# Before anything is trained
job contamination "$@"          # what is trained on against what the evals ask

# Stage sft
job sft-data "$@"               # sft: mix, render, mask and pack practice
job sft "$@"                    # sft: sft from base

# Stage dpo
job dpo-data "$@"               # dpo: mix, render, mask and pack taste
job dpo-lr-1e-6-beta-0.03 "$@"  # dpo: dpo from sft, optim.lr = 1e-6, method.beta = 0.03
job dpo-lr-1e-6-beta-0.1 "$@"   # dpo: dpo from sft, optim.lr = 1e-6, method.beta = 0.1
job dpo-lr-1e-6-beta-0.3 "$@"   # dpo: dpo from sft, optim.lr = 1e-6, method.beta = 0.3
job dpo-lr-5e-6-beta-0.03 "$@"  # dpo: dpo from sft, optim.lr = 5e-6, method.beta = 0.03
job dpo-lr-5e-6-beta-0.1 "$@"   # dpo: dpo from sft, optim.lr = 5e-6, method.beta = 0.1
job dpo-lr-5e-6-beta-0.3 "$@"   # dpo: dpo from sft, optim.lr = 5e-6, method.beta = 0.3
job dpo-lr-2e-5-beta-0.03 "$@"  # dpo: dpo from sft, optim.lr = 2e-5, method.beta = 0.03
job dpo-lr-2e-5-beta-0.1 "$@"   # dpo: dpo from sft, optim.lr = 2e-5, method.beta = 0.1
job dpo-lr-2e-5-beta-0.3 "$@"   # dpo: dpo from sft, optim.lr = 2e-5, method.beta = 0.3

# Eval dpo
job dpo-scores "$@"             # dpo: solved of each run

# Stage dpo
job dpo-best "$@"               # dpo: the run with the largest solved

# Stage apo
job apo-data "$@"               # apo: mix, render, mask and pack taste
job apo "$@"                    # apo: dpo from sft

# Stage orpo
job orpo-data "$@"              # orpo: mix, render, mask and pack taste
job orpo "$@"                   # orpo: orpo from sft

# Stage kto
job kto-data "$@"               # kto: mix, render, mask and pack taste
job kto "$@"                    # kto: kto from sft

# Eval final
job final "$@"                  # final: held_out of base, sft, dpo, apo, orpo, kto

# Eval choice
job choice "$@"                 # choice: solved of sft, dpo

# What came of it
job report "$@"                 # the report: curves, grids, shares, samples
