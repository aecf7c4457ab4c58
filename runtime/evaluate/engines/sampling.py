"""Drawing tokens so that an answer does not depend on the batch that it is made in.

A token is drawn by the Gumbel-max trick: the highest of log p + noise is a draw from p. The noise is a hash of (seed of
the answer, step, token), so it is the same in each batch, process and run.
"""

from __future__ import annotations

import torch

# Constants of MurmurHash3's 64-bit finaliser (public domain), and 2^64 / golden ratio, as signed numbers.
_FIRST = 0xFF51AFD7ED558CCD - (1 << 64)
_SECOND = 0xC4CEB9FE1A85EC53 - (1 << 64)
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
AT_ONCE = 1 << 24
"""Numbers of noise made at a time: 128 MiB of hashes."""


def mixed(x: torch.Tensor) -> torch.Tensor:
    """A hash of each int64."""
    for factor in (_FIRST, _SECOND):
        x = x ^ (x >> 33 & 0x7FFFFFFF)
        x = x * factor
    return x ^ (x >> 33 & 0x7FFFFFFF)


def gumbel(seeds: torch.Tensor, steps: torch.Tensor, size: int) -> torch.Tensor:
    """Standard Gumbel noise, [n, size] fp32, for seeds and steps [n] int64."""
    keys = mixed(seeds + mixed(steps * _GOLDEN + 1))
    tokens = torch.arange(1, size + 1, device=seeds.device) * _GOLDEN
    bits = mixed(keys[:, None] + tokens[None, :]) >> 32 & 0xFFFFFFFF
    # The smallest u make the winners, and fp32 is finest there.
    u = ((bits.float() + 0.5) * 2.0**-32).clamp_(max=1 - 2.0**-24)
    return -torch.log(-torch.log1p(-u))


def nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Logits [n, V] with all but the fewest likeliest tokens that hold `top_p` of the probability at -inf."""
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    p = ordered.softmax(dim=-1)
    # What is likelier than a token already holds enough.
    out = p.cumsum(dim=-1) - p >= top_p
    out[:, 0] = False
    return torch.empty_like(logits).scatter_(1, order, ordered.masked_fill(out, -torch.inf))


def choose(
    logits: torch.Tensor, temperature: float, top_p: float, seeds: torch.Tensor, steps: torch.Tensor
) -> torch.Tensor:
    """The next tokens [n], of logits [n, V] in any precision. seeds: [n]; steps: [n], tokens drawn before."""
    if temperature == 0:
        return logits.float().argmax(dim=-1)
    n, size = logits.shape
    chosen = []
    for start in range(0, n, max(1, AT_ONCE // size)):
        part = slice(start, start + max(1, AT_ONCE // size))
        scores = logits[part].float() / temperature
        if top_p < 1:
            scores = nucleus(scores, top_p)
        chosen.append((scores + gumbel(seeds[part], steps[part], size)).argmax(dim=-1))
    return torch.cat(chosen)
