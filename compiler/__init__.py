"""The compiler: recipe text -> Tree -> Resolved -> Recipe -> Plan -> files.

It imports neither torch nor transformers nor datasets, and never the runtime.
"""
