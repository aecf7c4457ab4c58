#!/usr/bin/env bash
# choice: solved of sft, dpo
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/choice/job.yaml
