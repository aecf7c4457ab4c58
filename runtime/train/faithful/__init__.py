"""Whether what was built is what the job asks for: compared on the batches of the first step, before it is made.

Each module has a function `rows(seen)` that gives lines of one table; `check.py` lists them.
"""
