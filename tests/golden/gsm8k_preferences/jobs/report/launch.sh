#!/usr/bin/env bash
# the report: curves, grids, shares, samples
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/report/job.yaml
