#!/usr/bin/env bash
# dpo: dpo from sft, optim.lr = 1e-6, method.beta = 0.1
# 16 sequences of up to 1,024 tokens a step = 8 a device x 2 accumulated x 1 device; ddp, bf16
set -euo pipefail
cd "$(dirname "$0")/../.."

# What this shell tells accelerate is not meant for this job: its own files say all of it.
unset ${!ACCELERATE_@} ${!FSDP_@} ${!PARALLELISM_CONFIG_@}

exec "${SMOLC_PYTHON:-python3}" -m accelerate.commands.launch \
  --config_file jobs/dpo-lr-1e-6-beta-0.1/accelerate.yaml \
  --module smolc.runtime jobs/dpo-lr-1e-6-beta-0.1/job.yaml
