"""From where on a preference run counts as gone wrong.

No paper gives such a cut for all models. What they do give is the direction: each constant says which, and the value is
set so that the good runs of tests/train/test_train_health_runs.py stay clear of it and the bad ones are beyond it.
They bound what is said in words, never what is trained or picked.
"""

from __future__ import annotations

import math

LN2 = math.log(2)
"""Where the sigmoid losses of DPO start: policy and reference agree, so a margin is 0 and a pair costs -log(1/2)."""

STILL = 0.005
"""Nats below `LN2` within which the loss has not moved: with beta 0.1 a mean margin of 0.1 nats over whole answers."""

STILL_MARGIN, STILL_KL = 0.05, 1e-4
"""Nats an answer, and nats a token on held-out answers, below which the model is the one that it is compared with, whatever
the loss. Rounding alone (bf16) makes a KL of about 1e-5; a weak run that did learn has 0.01."""

CHOSEN_FALL = 0.5
"""Nats a token by which chosen answers lost likelihood, each token 1.6 times less likely. DPO often lowers them somewhat
while the margin grows (Pal et al. 2024, "Smaug"; Razin et al. 2024, "Unintentional unalignment"): that is not told. An
answer of 50 tokens that lost this much a token is 10^11 times less likely than before: the model has left the answers
that it should give."""

KL_A_TOKEN = 0.5
"""Nats of KL(trained | start) a token, on held-out answers. Quality falls at higher KL in DPO, IPO and SLiC alike
(Rafailov et al. 2024, "Scaling laws for reward model overoptimization in direct alignment algorithms"). At half a nat a
token, two models tell apart which of them wrote an answer within a few tokens."""

LONGER, SHORTER = 2.0, 0.25
"""Mean length of own answers, over both the start model's and the chosen answers'. DPO goes far beyond the lengths of its
data (Park et al. 2024, "Disentangling length from quality in DPO")."""

STOPS_LESS = 0.25
"""Share of answers that no longer stop by themselves: 4 of 16."""

TOLD_APART = 0.75
"""Share of training pairs whose chosen answer is preferred, from which on they count as learnt."""

GAP = 0.2
"""By which the share of pairs preferred in training is above the held-out one, beyond chance."""

ROSE = 0.05
"""Part of the lowest held-out loss by which it rose again, 0.02 at least."""

FEW = 50
"""Held-out pairs below which a share is not known to better than 14 points, either way (95%)."""

MODERATE = 1.96
"""Standard errors that chance alone exceeds once in 20 times."""
