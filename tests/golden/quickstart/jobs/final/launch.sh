#!/usr/bin/env bash
# final: reversed of base, sft, dpo, orpo
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/final/job.yaml
