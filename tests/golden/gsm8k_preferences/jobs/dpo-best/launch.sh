#!/usr/bin/env bash
# dpo: the run with the largest solved
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/dpo-best/job.yaml
