#!/usr/bin/env bash
# what is trained on against what the evals ask
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/contamination/job.yaml
