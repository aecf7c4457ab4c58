"""How a stage is spread over devices, and what fits on one."""
