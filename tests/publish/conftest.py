"""Training's tests make tiny jobs, the report's a folder that was run."""

import sys
from pathlib import Path

for room in ("train", "report"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))
