#!/usr/bin/env bash
# smollm3: SmolLM3-3B: reasoning mid-training, SFT, APO and the playbook's evals, as published.
# Written by smolc from smollm3.recipe for cluster `eight_nodes`. Change the recipe and build again, rather than this file.
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
job base "$@"           # start model: HuggingFaceTB/SmolLM3-3B-Base

# Before anything is trained
job contamination "$@"  # what is trained on against what the evals ask

# Stage mid
job mid-data "$@"       # mid: mix, render, mask and pack reasoning
job mid "$@"            # mid: sft from base

# Stage sft
job sft-data "$@"       # sft: mix, render, mask and pack skills
job sft "$@"            # sft: sft from mid

# Stage apo
job apo-data "$@"       # apo: mix, render, mask and pack taste
job apo "$@"            # apo: dpo from sft

# Merge apo_soup
job apo_soup "$@"       # apo_soup: soup of apo, with the checkpoints

# Merge smol
job smol "$@"           # smol: 0.9 apo_soup + 0.1 mid

# Eval check
job check "$@"          # check: gsm8k_fresh, needle, basics of base, sft, apo, smol

# Eval final
job final "$@"          # final: aime25, gpqa_diamond, ifeval, gsm_plus, global_mmlu_fr, livecodebench, bfcl, ruler of base, sft, apo, smol
job final-expect "$@"   # final: what must hold

# What came of it
job report "$@"         # the report: curves, grids, shares, samples
