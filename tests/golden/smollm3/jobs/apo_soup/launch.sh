#!/usr/bin/env bash
# apo_soup: soup of apo, with the checkpoints
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/apo_soup/job.yaml
