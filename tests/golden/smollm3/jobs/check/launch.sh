#!/usr/bin/env bash
# check: gsm8k_fresh, needle, basics of base, sft, apo, smol
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/check/job.yaml
