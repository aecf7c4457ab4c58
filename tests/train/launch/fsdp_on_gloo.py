"""smolc.runtime where FSDP2 shards over processes of a CPU: accelerate takes it on GPUs only, and else gives DDP.

torch's `fully_shard` itself runs with gloo; only accelerate's word for the machine is in the way.
"""

import sys
from typing import Any

from accelerate.state import DistributedType, PartialState

from smolc.runtime.__main__ import main
from smolc.runtime.jobs.leave import leave

plain = PartialState.__init__


def begin(state: Any, *args: Any, **kwargs: Any) -> None:
    plain(state, *args, **kwargs)
    if state.distributed_type == DistributedType.MULTI_CPU:
        state.distributed_type = DistributedType.MULTI_GPU


PartialState.__init__ = begin  # type: ignore[method-assign]
leave(main(sys.argv[1:]))
