#!/usr/bin/env bash
# final: aime25, gpqa_diamond, ifeval, gsm_plus, global_mmlu_fr, livecodebench, bfcl, ruler of base, sft, apo, smol
set -euo pipefail
cd "$(dirname "$0")/../.."

exec "${SMOLC_PYTHON:-python3}" -m smolc.runtime jobs/final/job.yaml
