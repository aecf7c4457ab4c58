#!/usr/bin/env bash
# right_over_wrong: pairs of tries, by exact
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/right_over_wrong/job.yaml
