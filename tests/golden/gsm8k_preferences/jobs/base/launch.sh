#!/usr/bin/env bash
# start model: gsm8k/model
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/base/job.yaml
