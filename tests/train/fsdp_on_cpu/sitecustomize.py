"""On PYTHONPATH, lets accelerate shard over processors with FSDP2: it looks for FSDP on accelerators only, and torch's
own needs none. All else is the real thing, over gloo."""

import os

if "RANK" in os.environ:
    from accelerate import state
    from accelerate.utils import DistributedType

    _init = state.PartialState.__init__

    def _on_cpus(self: state.PartialState, *args: object, **said: object) -> None:
        _init(self, *args, **said)
        if self._shared_state["distributed_type"] == DistributedType.MULTI_CPU:
            self._shared_state["distributed_type"] = DistributedType.MULTI_GPU

    state.PartialState.__init__ = _on_cpus
