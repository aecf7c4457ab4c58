#!/usr/bin/env bash
# mid: mix, render, mask and pack reasoning
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/mid-data/job.yaml
