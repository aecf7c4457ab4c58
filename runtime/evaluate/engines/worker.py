"""The transformers engine as a process: `python -m smolc.runtime.evaluate.engines.worker`, spoken to as `workers.py`
says."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from transformers import AutoTokenizer, __version__

from smolc.runtime.evaluate.engines.base import Sampling, Wanted
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.evaluate.subjects import loaded
from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.errors import JobError


def main() -> None:
    # What libraries print must not come between the lines.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    about = json.loads(sys.stdin.readline())
    try:
        at = ModelAt(about["source"], about["revision"])
        model = loaded(at, about["precision"], about["trust_remote_code"], about["device"])
        engine = TransformersEngine(model, AutoTokenizer.from_pretrained(about["tokenizer"]), about["batch"])
        say({"ready": __version__})
        for line in sys.stdin:
            asked = json.loads(line)
            wanted = [Wanted(tuple(i), room, seed, tuple(stops)) for i, room, seed, stops in asked["wanted"]]
            temperature, top_p, ends = asked["sampling"]
            engine.generate(
                wanted, Sampling(temperature, top_p, tuple(ends)), lambda i, ids: say({"i": i, "ids": ids})
            )
            say({"done": True})
    except JobError as error:
        say({"error": str(error)})
    except BrokenPipeError:
        # Whoever asked is gone.
        os._exit(1)


if __name__ == "__main__":
    main()
