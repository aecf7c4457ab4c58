#!/usr/bin/env bash
# dpo: solved of each run
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/dpo-scores/job.yaml
