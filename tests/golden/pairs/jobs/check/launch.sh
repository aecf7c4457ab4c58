#!/usr/bin/env bash
# check: reversed of sft, dpo
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/check/job.yaml
