"""Losses as their papers write them, in float64 and one sequence at a time: no padding, no batch, nothing of TRL.

r = log p(y|x) - log p_ref(y|x), summed over the answer's tokens; `w` is the chosen answer, `l` the rejected one. Where TRL
departs from the paper on purpose, the function says so; docs/training.md tells users.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Llama:
    """A Llama decoder in float64 (Touvron et al. 2023, arXiv 2302.13971), from the weights of transformers' one, which
    computes norms and angles in float32 whatever its weights are."""

    def __init__(self, model: Any) -> None:
        self.weights = {name: value.double().numpy().copy() for name, value in model.state_dict().items()}
        self.config = copy.deepcopy(model.config)

    def _norm(self, x: Floats, name: str) -> Floats:
        scale = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + self.config.rms_norm_eps)
        return x * scale * self.weights[f"{name}.weight"]  # type: ignore[no-any-return]

    def _heads(self, x: Floats, name: str, turned: bool) -> Floats:
        """(tokens, width) -> (heads, tokens, width of a head), turned by position where `turned`."""
        y = (
            (x @ self.weights[f"{name}.weight"].T)
            .reshape(len(x), -1, self.config.head_dim)
            .transpose(1, 0, 2)
        )
        if not turned:
            return y
        half = self.config.head_dim // 2
        frequency = self.config.rope_parameters["rope_theta"] ** (-np.arange(half) / half)
        angle = np.arange(len(x))[:, None] * frequency
        real, imaginary = y[..., :half], y[..., half:]
        return np.concatenate(
            [
                real * np.cos(angle) - imaginary * np.sin(angle),
                imaginary * np.cos(angle) + real * np.sin(angle),
            ],
            axis=-1,
        )

    def _attention(self, x: Floats, name: str) -> Floats:
        q, k = (self._heads(x, f"{name}.{part}_proj", True) for part in "qk")
        v = self._heads(x, f"{name}.v_proj", False)
        k, v = (y.repeat(len(q) // len(k), axis=0) for y in (k, v))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(self.config.head_dim)
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        p = np.exp(log_softmax(scores))
        return (p @ v).transpose(1, 0, 2).reshape(len(x), -1) @ self.weights[f"{name}.o_proj.weight"].T  # type: ignore[no-any-return]

    def _feed_forward(self, x: Floats, name: str) -> Floats:
        gate, up, down = (self.weights[f"{name}.{part}_proj.weight"].T for part in ("gate", "up", "down"))
        return (x @ gate) * sigmoid(x @ gate) * (x @ up) @ down  # type: ignore[no-any-return]

    def log_probs(self, ids: list[int]) -> Floats:
        """log p(ids[i] | ids[:i]) for i from 1: (len(ids) - 1,)."""
        return self.distributions(ids)[np.arange(len(ids) - 1), ids[1:]]  # type: ignore[no-any-return]

    def distributions(self, ids: list[int]) -> Floats:
        """log p(v | ids[:i]) for i from 1 and all v: (len(ids), vocabulary)."""
        x = self.weights["model.embed_tokens.weight"][ids]
        for layer in range(self.config.num_hidden_layers):
            name = f"model.layers.{layer}"
            x = x + self._attention(self._norm(x, f"{name}.input_layernorm"), f"{name}.self_attn")
            x = x + self._feed_forward(self._norm(x, f"{name}.post_attention_layernorm"), f"{name}.mlp")
        return log_softmax(self._norm(x, "model.norm") @ self.weights["lm_head.weight"].T)


@dataclass(frozen=True)
class Pairs:
    """Preference pairs: log p of the tokens of the whole sequence after the first, and of how many tokens
    the answer is made."""

    chosen: list[Floats]
    rejected: list[Floats]
    ref_chosen: list[Floats]
    ref_rejected: list[Floats]
    chosen_length: Floats
    rejected_length: Floats

    ld_alpha: float = 1.0
    reward: Callable[[Floats], Floats] | None = None

    def _sums(self, each: list[Floats], lengths: Floats) -> Floats:
        """LD-DPO (Liu et al. 2024, arXiv 2409.06411), equation 11: the tokens beyond the shorter answer's length count
        ld_alpha times."""
        shared = np.minimum(self.chosen_length, self.rejected_length).astype(int)
        return np.array([
            row[-int(n) :][:m].sum() + self.ld_alpha * row[-int(n) :][m:].sum()
            for row, n, m in zip(each, lengths, shared, strict=True)
        ])  # fmt: skip

    @property
    def logps(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Of chosen and rejected answers, then under the reference."""
        w, s = self.chosen_length, self._sums
        n = self.rejected_length
        return s(self.chosen, w), s(self.rejected, n), s(self.ref_chosen, w), s(self.ref_rejected, n)

    @property
    def ratios(self) -> tuple[Floats, Floats]:
        """r_w and r_l, or what f-DPO has in their place."""
        w, n, ref_w, ref_n = self.logps
        if self.reward is not None:
            return self.reward(w - ref_w), self.reward(n - ref_n)
        return w - ref_w, n - ref_n


def log_softmax(x: Floats) -> Floats:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))  # type: ignore[no-any-return]


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def log_sigmoid(x: Floats) -> Floats:
    return -np.logaddexp(0, -x)


def dft(logps: Floats) -> Floats:
    """Wu et al. 2025, arXiv 2508.05629, eq. 8: -sg(p) log p of each token."""
    return -np.exp(logps) * logps


def dpo(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Rafailov et al. 2023 (arXiv 2305.18290), equation 7. Without smoothing of labels: TRL's has none."""
    w, n = pairs.ratios
    return -log_sigmoid(beta * (w - n))


def hinge(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """SLiC-HF (Zhao et al. 2023, arXiv 2305.10425) on log ratios, as in RSO (Liu et al. 2023, arXiv 2309.06657):
    max(0, 1 - beta (r_w - r_l))."""
    w, n = pairs.ratios
    return np.maximum(0, 1 - beta * (w - n))


def ipo(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Azar et al. 2023 (arXiv 2310.12036), equation 17, tau = beta.

    The paper's ratios are of whole answers. TRL divides each by its answer's tokens, as the authors did, by TRL's account.
    """
    w, n = pairs.ratios
    return (w / pairs.chosen_length - n / pairs.rejected_length - 1 / (2 * beta)) ** 2


def exo_pair(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Ji et al. 2024 (arXiv 2402.00856), equation 16: KL(p_theta || p_labels) over the two answers."""
    w, n = pairs.ratios
    p = sigmoid(beta * (w - n)), sigmoid(beta * (n - w))
    labels = 1 - smoothing, smoothing
    return sum(a * np.log(a / b) for a, b in zip(p, labels, strict=True))


def nca_pair(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Chen et al. 2024 (arXiv 2402.05369), NCA for K = 2 answers: -log s(r_w) - 1/K sum over both of log s(-r)."""
    w, n = (beta * r for r in pairs.ratios)
    return -log_sigmoid(w) - (log_sigmoid(-w) + log_sigmoid(-n)) / 2


def robust(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """rDPO, Chowdhury et al. 2024 (arXiv 2403.00409): ((1 - e) L(w, l) - e L(l, w)) / (1 - 2e)."""
    w, n = pairs.ratios
    right, flipped = -log_sigmoid(beta * (w - n)), -log_sigmoid(beta * (n - w))
    return ((1 - smoothing) * right - smoothing * flipped) / (1 - 2 * smoothing)


def bco_pair(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Jung et al. 2024 (arXiv 2404.04656): -log s(r_w - d) - log s(-(r_l - d)). TRL's shift d is zero; in the paper it
    is the running mean reward."""
    w, n = (beta * r for r in pairs.ratios)
    return -log_sigmoid(w) - log_sigmoid(-n)


def sppo_hard(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Wu et al. 2024 (arXiv 2405.00675), equation 4.7 with the chosen answer winning always: (r - eta (P - 1/2))^2,
    eta = 1 / beta."""
    w, n = pairs.ratios
    return (w - (1 - 0.5) / beta) ** 2 + (n - (0 - 0.5) / beta) ** 2


def aot(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Melnyk et al. 2024 (arXiv 2406.05882), paired: quantiles over the micro batch of log p(w) - log p(l), the model's
    against the reference's. Smoothing as in its algorithm 1."""
    w, n, ref_w, ref_n = pairs.logps
    gap = beta * (np.sort(w - n) - np.sort(ref_w - ref_n))
    return -(1 - smoothing) * log_sigmoid(gap) - smoothing * log_sigmoid(-gap)


def aot_unpaired(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """The same paper, unpaired: quantiles of r_w against those of r_l."""
    w, n = pairs.ratios
    gap = beta * (np.sort(w) - np.sort(n))
    return -(1 - smoothing) * log_sigmoid(gap) - smoothing * log_sigmoid(-gap)


def apo_zero(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """D'Oosterlinck et al. 2024 (arXiv 2408.06266), equation 7, -s(r_w) + s(r_l), and TRL's constant 1."""
    w, n = (beta * r for r in pairs.ratios)
    return 1 - sigmoid(w) + sigmoid(n)


def apo_down(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """The same paper, equation 8, s(r_w) - s(r_w - r_l), and TRL's constant 1."""
    w, n = (beta * r for r in pairs.ratios)
    return 1 + sigmoid(w) - sigmoid(w - n)


def discopop(pairs: Pairs, beta: float, smoothing: float, tau: float = 0.05) -> Floats:
    """Lu et al. 2024 (arXiv 2406.08414), equation 5: between logistic and exponential loss."""
    w, n = pairs.ratios
    rho = beta * (w - n)
    share = sigmoid(rho / tau)
    return (1 - share) * -log_sigmoid(rho) + share * np.exp(-rho)


def divergence(name: str, alpha: float) -> Callable[[Floats], Floats]:
    """f-DPO, Wang et al. 2023 (arXiv 2309.16240), table 1: f'(u) - f'(1) of the ratio u = e^r. What is
    subtracted cancels in the difference of two, but not where each is divided by its length, as TRL's ipo does."""
    of_ratio: dict[str, Callable[[Floats], Floats]] = {
        "reverse_kl": np.log,
        "forward_kl": lambda u: 1 - 1 / u,
        "js": lambda u: np.log(2 * u / (1 + u)),
        "alpha": lambda u: (1 - u**-alpha) / alpha,
    }
    return lambda r: of_ratio[name](np.exp(r))


def wpo_weights(pairs: Pairs, sum_sq: tuple[list[Floats], list[Floats]]) -> Floats:
    """Zhou et al. 2024 (arXiv 2406.11827), equations 2 and 3: w(x, y_w) w(x, y_l), each the geometric mean over tokens of
    p(y_t) / sum over the vocabulary of p(v)^2. sum_sq: the logarithms of those sums, of each answer's tokens."""
    weights = [
        np.array([np.exp((row[-len(s) :] - s).mean()) for row, s in zip(side, sums, strict=True)])
        for side, sums in zip((pairs.chosen, pairs.rejected), sum_sq, strict=True)
    ]
    return weights[0] * weights[1]


def sft(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Cross entropy of the chosen answers, a mean over the tokens of all pairs of a step."""
    w = pairs.logps[0]
    return np.full(len(w), -w.sum() / pairs.chosen_length.sum())


def sigmoid_norm(pairs: Pairs, beta: float, smoothing: float) -> Floats:
    """Length-normalised DPO, Lambert et al. 2024 (Tulu 3, arXiv 2411.15124), equation 6."""
    w, n = pairs.ratios
    return -log_sigmoid(beta * (w / pairs.chosen_length - n / pairs.rejected_length))


DPO: dict[str, Callable[[Pairs, float, float], Floats]] = {
    "sigmoid": dpo,
    "hinge": hinge,
    "ipo": ipo,
    "exo_pair": exo_pair,
    "nca_pair": nca_pair,
    "robust": robust,
    "bco_pair": bco_pair,
    "sppo_hard": sppo_hard,
    "aot": aot,
    "aot_unpaired": aot_unpaired,
    "apo_zero": apo_zero,
    "apo_down": apo_down,
    "discopop": discopop,
    "sft": sft,
    "sigmoid_norm": sigmoid_norm,
}


def orpo(pairs: Pairs, beta: float) -> float:
    """Hong et al. 2024 (arXiv 2403.07691), equation 6: L_SFT - lambda log s(log(odds(w) / odds(l))), lambda = beta,
    P(y|x) the geometric mean over the answer's tokens (equation 3).

    L_SFT is over the prompt's tokens, too, as in TRL and by default in the authors' code; a mean over all of a step.
    """
    w, n, _, _ = pairs.logps
    p, q = np.exp(w / pairs.chosen_length), np.exp(n / pairs.rejected_length)
    odds = (p / (1 - p)) / (q / (1 - q))
    return float(-np.concatenate(pairs.chosen).mean() - beta * log_sigmoid(np.log(odds)).mean())


def cpo(pairs: Pairs, loss: str, beta: float, alpha: float, smoothing: float) -> float:
    """Xu et al. 2024 (arXiv 2401.08417): L_prefer + alpha L_NLL, where L_prefer is DPO's with a uniform reference.

    L_NLL is a mean over the tokens of a step's chosen answers, not of the paper's whole answers; TRL's is over those
    of a micro batch. Labels are smoothed as in Mitchell 2023's conservative DPO.
    """
    w, n, _, _ = pairs.logps
    if loss == "ipo":
        prefer = (w / pairs.chosen_length - n / pairs.rejected_length - 1 / (2 * beta)) ** 2
    elif loss == "hinge":
        prefer = np.maximum(0, 1 - beta * (w - n))
    else:
        prefer = -(1 - smoothing) * log_sigmoid(beta * (w - n)) - smoothing * log_sigmoid(beta * (n - w))
    return float(prefer.mean() - alpha * w.sum() / pairs.chosen_length.sum())


def simpo(pairs: Pairs, beta: float, gamma: float) -> float:
    """Meng et al. 2024 (arXiv 2405.14734), equation 6: -log s(beta / n_w log p(w) - beta / n_l log p(l) - gamma)."""
    w, n, _, _ = pairs.logps
    margin = beta * w / pairs.chosen_length - beta * n / pairs.rejected_length
    return float(-log_sigmoid(margin - gamma).mean())


def apo_zero_unpaired(
    ratios: Floats, good: list[bool], beta: float, desirable: float, undesirable: float
) -> float:
    """D'Oosterlinck et al. 2024 (arXiv 2408.06266), equation 7, of single answers: 1 - s(r) if good, else s(r)."""
    each = [
        desirable * (1 - sigmoid(beta * r)) if g else undesirable * sigmoid(beta * r)
        for r, g in zip(ratios, good, strict=True)
    ]
    return float(np.mean(each))


def kto(
    ratios: Floats, mismatched: Floats, good: list[bool], beta: float, desirable: float, undesirable: float
) -> float:
    """Ethayarajh et al. 2024 (arXiv 2402.01306), equations 7 and 8. ratios: r of each answer to its prompt. mismatched: r
    of each prompt with the answer to another of the micro batch, whose mean, no less than zero, is the KL's estimate."""
    kl = max(0.0, float(mismatched.mean()))
    each = [
        desirable * (1 - sigmoid(beta * (r - kl))) if g else undesirable * (1 - sigmoid(beta * (kl - r)))
        for r, g in zip(ratios, good, strict=True)
    ]
    return float(np.mean(each))
