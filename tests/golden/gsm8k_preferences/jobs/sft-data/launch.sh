#!/usr/bin/env bash
# sft: mix, render, mask and pack practice
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/sft-data/job.yaml
