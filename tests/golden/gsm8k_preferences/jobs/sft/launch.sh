#!/usr/bin/env bash
# sft: sft from base
# 4 sequences of up to 2,048 tokens a step = 4 a device x 1 accumulated x 1 device; ddp, bf16
set -euo pipefail
cd "$(dirname "$0")/../.."

# What this shell tells accelerate is not meant for this job: its own files say all of it.
unset ${!ACCELERATE_@} ${!FSDP_@} ${!PARALLELISM_CONFIG_@}

exec "${SMOLC_PYTHON:-python3}" -m accelerate.commands.launch \
  --config_file jobs/sft/accelerate.yaml \
  --module smolc.runtime jobs/sft/job.yaml
