#!/usr/bin/env bash
# check: what must hold
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/check-expect/job.yaml
