"""What the libraries read from the environment when they are imported."""

from __future__ import annotations

import os
import warnings


def prepare_environment() -> None:
    """No telemetry, no progress bars in a log file, no thread pools in forked workers."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning)
