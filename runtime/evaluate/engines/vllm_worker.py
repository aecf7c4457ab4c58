"""vLLM as a process, spoken to as `workers.py` says. A script by itself: it is run by the Python of an environment that
has vLLM and need not have smolc."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    # The folder of this script, which has a module `transformers`.
    sys.path.pop(0)
    # vLLM prints: that must not come between the lines.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    about = json.loads(sys.stdin.readline())
    try:
        # In this process, so that nothing is left over when it ends.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        import vllm  # type: ignore[import-not-found, unused-ignore]

        settings: dict[str, Any] = {
            "model": about["source"],
            "revision": about["revision"],
            "tokenizer": about["tokenizer"],
            "dtype": {"bf16": "bfloat16", "fp32": "float32"}[about["precision"]],
            "trust_remote_code": about["trust_remote_code"],
            "max_model_len": about["length"],
            # Not what the model's generation_config says.
            "generation_config": "vllm",
        }
        if about["batch"]:
            settings["max_num_seqs"] = about["batch"]
        if about["memory"]:
            settings["gpu_memory_utilization"] = about["memory"]
        engine = vllm.LLMEngine.from_engine_args(vllm.EngineArgs(**settings))
        say({"ready": vllm.__version__})
        for call, line in enumerate(sys.stdin):
            asked = json.loads(line)
            generate(vllm, engine, call, asked["wanted"], asked["sampling"], say)
            say({"done": True})
    except BrokenPipeError:
        os._exit(1)
    except Exception as error:  # vLLM raises many types
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        say({"error": f"{type(error).__name__}: {reason}"})
        raise


def generate(vllm: Any, engine: Any, call: int, wanted: list[Any], sampling: list[Any], say: Any) -> None:
    temperature, top_p, ends = sampling
    for i, (ids, room, seed, stops) in enumerate(wanted):
        drawn = {"top_p": top_p, "seed": seed & (1 << 63) - 1} if temperature > 0 else {}
        params = vllm.SamplingParams(
            temperature=temperature,
            max_tokens=room,
            stop_token_ids=ends,
            ignore_eos=True,
            stop=stops or None,
            include_stop_str_in_output=True,
            detokenize=bool(stops),
            skip_special_tokens=False,
            **drawn,
        )
        engine.add_request(f"{call}-{i}", {"prompt_token_ids": ids}, params)
    while engine.has_unfinished_requests():
        for output in engine.step():
            if output.finished:
                # vLLM adds a suffix of its own to the name of a request.
                i = int(output.request_id.split("-")[1])
                say({"i": i, "ids": list(output.outputs[0].token_ids)})


if __name__ == "__main__":
    main()
