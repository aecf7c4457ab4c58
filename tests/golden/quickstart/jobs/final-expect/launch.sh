#!/usr/bin/env bash
# final: what must hold
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/final-expect/job.yaml
