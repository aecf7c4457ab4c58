#!/usr/bin/env bash
# tries: sft answers words 4 times
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/tries/job.yaml
