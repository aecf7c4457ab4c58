#!/usr/bin/env bash
# apo: mix, render, mask and pack taste
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/apo-data/job.yaml
