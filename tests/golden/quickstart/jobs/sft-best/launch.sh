#!/usr/bin/env bash
# sft: the run with the smallest eval_loss
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/sft-best/job.yaml
