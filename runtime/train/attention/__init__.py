"""Attention: which kernel a run takes (route.py, from model.py and gpu.py), FlashAttention as torch ships it (varlen.py),
and whether packed documents are kept apart (apart.py)."""

from smolc.runtime.train.attention.route import Route, choose
from smolc.runtime.train.attention.varlen import has_varlen, implementation, varlen_forward

__all__ = ["Route", "choose", "has_varlen", "implementation", "varlen_forward"]
