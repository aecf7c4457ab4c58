#!/usr/bin/env bash
# smol: 0.9 apo_soup + 0.1 mid
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/smol/job.yaml
