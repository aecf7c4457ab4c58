#!/usr/bin/env bash
# final: held_out of base, sft, dpo, apo, orpo, kto
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/final/job.yaml
