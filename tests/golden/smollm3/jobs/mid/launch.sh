#!/usr/bin/env bash
# mid: sft from base
# 128 sequences of up to 32,768 tokens a step = 1 a device x 2 accumulated x 64 devices; zero-3, bf16
set -euo pipefail
cd "$(dirname "$0")/../.."

# What this shell tells accelerate is not meant for this job: its own files say all of it.
unset ${!ACCELERATE_@} ${!FSDP_@} ${!PARALLELISM_CONFIG_@}

# Run this script on each of the 8 nodes, which share this folder (srun does). Outside of Slurm set NODE_RANK; MASTER_ADDR
# everywhere.
rank="${SLURM_NODEID:-${NODE_RANK:?set it to the number of this node, 0 to 7}}"
address="${MASTER_ADDR:?set it to the address of node 0}"
port="${MASTER_PORT:-29500}"

exec "${SMOLC_PYTHON:-python3}" -m accelerate.commands.launch \
  --config_file jobs/mid/accelerate.yaml \
  --machine_rank "$rank" --main_process_ip "$address" --main_process_port "$port" \
  --module smolc.runtime jobs/mid/job.yaml
