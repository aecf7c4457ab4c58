"""Methods and their losses: what is learnt from the data, by the names of other tools."""

from __future__ import annotations

from smolc.compiler.format.value import print_value
from smolc.compiler.model.habits.advice import UNKNOWN, Advice, Into, Leave, Seen, Told
from smolc.compiler.model.habits.place import constructors
from smolc.compiler.model.habits.written import is_off, is_on, name, number, positive, word, words
from smolc.compiler.model.methods import DPO_LOSSES
from smolc.compiler.syntax import tree

REWARDS = ("ppo", "grpo", "rloo", "reinforce", "online_dpo", "gspo", "dapo", "rlhf", "xpo", "nash_md")
REWARD_MODELS = ("rm", "reward", "reward_model", "prm")
SAME: dict[str, tuple[str, dict[str, str]]] = {
    "pt": ("cpt", {}),
    "pretrain": ("cpt", {}),
    "pretraining": ("cpt", {}),
    "clm": ("cpt", {}),
    "apo": ("dpo", {"loss": "apo_zero"}),
    "bco": ("dpo", {"loss": "bco_pair"}),
    "dft": ("sft", {"loss": "dft"}),
    "aot_pair": ("dpo", {"loss": "aot"}),
    "apo_zero_unpaired": ("kto", {"loss": "apo_zero_unpaired"}),
    "exo_pair": ("dpo", {"loss": "exo_pair", "label_smoothing": "0.1%"}),
}
PREFERENCES = ("dpo", "orpo", "cpo", "simpo", "kto")


def method(seen: Seen) -> Advice | None:
    """A method by a word of another tool: its name there, or that of its loss."""
    said = word(seen.value) or ""
    if said in constructors("method"):
        return Into("method", word=said)
    if said in SAME:
        ours, arguments = SAME[said]
        return Into("method", arguments, word=ours)
    if said in DPO_LOSSES:
        return Into("method", {"loss": said}, word="dpo")
    if said in REWARDS:
        return Told(
            f"there is no `{said}`: no stage samples answers and learns from their rewards; "
            "`generate` and `pairs` make preference pairs of a model's own answers, for `method = dpo`"
        )
    if said in REWARD_MODELS:
        return Told("there are no reward models: preference pairs train the model itself, as `method = dpo`")
    if said == "kto_pair":
        return Into("method", word="kto", note=", which takes pairs, too: each is a good and a bad answer")
    return None


def method_key(seen: Seen) -> Advice:
    """`rl = dpo`, as a key."""
    if is_off(seen.value):
        return Leave("`method` says how a stage trains")
    return method(seen) or Told(f"there are {_all()}, as in `method = sft`")


def loss(seen: Seen) -> Advice | None:
    """`loss` itself, with a word that is none of the method's losses."""
    known = (*DPO_LOSSES, *SAME, *constructors("method"), "kto_pair")
    return loss_type(seen) if all(one in known for one in words(seen.value) or [""]) else None


def loss_type(seen: Seen) -> Advice:
    """A loss by its name, which here is one of the stage's method, or a method of its own."""
    now = _method(seen)
    losses = words(seen.value) or []
    if len(losses) > 1:
        known = all(one in DPO_LOSSES for one in losses)
        return Into("method", {"loss": f"[{', '.join(losses)}]" if known else UNKNOWN}, word="dpo")
    said = losses[0] if losses else UNKNOWN
    own = constructors("method")[now].model_fields.get("loss") if now else None
    if own is not None and said in _choices(now):
        return Into("method", {"loss": said, **(SAME["exo_pair"][1] if said == "exo_pair" else {})}, word=now)
    if now == said:
        return Leave(f"`{now}` is a method, and has one loss")
    if losses and (other := method(Seen(seen.name, seen.value, seen.place))) is not None:
        if isinstance(other, Into) and other.word == "simpo":
            return Into("method", word="simpo", note=_simpo(seen))
        return other
    return Into("method", {"loss": UNKNOWN}, word=now or "dpo")


def _simpo(seen: Seen) -> str:
    """What differs where the tool has SimPO as a loss."""
    alone = " without the cross entropy of TRL's `cpo_alpha`" if _method(seen) == "cpo" else ""
    unless = "; its beta is 2 unless given, there 0.1" if seen.place.beside(*BETAS) is None else ""
    return f", a method of its own{alone}{unless}"


def _method(seen: Seen) -> str | None:
    """The method that is meant: of the constructor, of another tool's key beside it, or of the stage."""
    call = seen.place.call
    if call is not None and seen.place.key == "method":
        return call.name.text
    return seen.place.method


def _choices(method: str | None) -> tuple[str, ...]:
    return {
        "dpo": DPO_LOSSES,
        "cpo": ("sigmoid", "hinge", "ipo"),
        "kto": ("kto", "apo_zero_unpaired"),
        "sft": ("nll", "dft"),
    }.get(method or "dpo", ())


def _all() -> str:
    return ", ".join(f"`{one}`" for one in constructors("method"))


BETAS = ("beta", "rl_beta", "pref_beta", "dpo_beta", "orpo_beta", "kto_beta", "simpo_beta", "orpo_alpha")


def beta(seen: Seen) -> Advice:
    """Every preference method has one; that of the stage."""
    prefix = seen.name.split("_")[0]
    asked = prefix if prefix in PREFERENCES else None
    return Into("method", {"beta": positive(seen.value) or UNKNOWN}, word=asked)


def with_sft(seen: Seen) -> Advice:
    """The cross entropy of chosen answers beside DPO's loss, by its weight."""
    if is_off(seen.value):
        return Leave("no cross entropy is added unless `loss` names `sft`")
    now = _method(seen)
    if now is not None and now != "dpo":
        has = {
            "orpo": "`orpo` always has that term, with the weight 1",
            "cpo": "`cpo(alpha = ...)` is that weight",
        }
        return Told(has.get(now, f"`{now}` has no such term; `dpo` and `cpo` have"))
    said = words(_argument(seen, "loss")) or words(seen.place.beside("pref_loss", "loss_type")) or ["sigmoid"]
    losses = [one for one in said if one in DPO_LOSSES and one != "sft"] or ["sigmoid"]
    weights = [*("1.0" for _ in losses), positive(seen.value) or UNKNOWN]
    both = {"loss": f"[{', '.join([*losses, 'sft'])}]", "weights": f"[{', '.join(weights)}]"}
    return Into("method", both, word="dpo")


def _argument(seen: Seen, key: str) -> tree.Value | None:
    given = seen.place.values.get("method")
    arguments = given.arguments if isinstance(given, tree.Call) else ()
    return next((a.value for a in arguments if a.name and a.name.text == key), None)


def loss_weights(seen: Seen) -> Advice:
    items = seen.value.items if isinstance(seen.value, tree.List) else (seen.value,)
    fits = seen.value is not None and all(positive(item) for item in items)
    return Into(
        "method", {"weights": print_value(seen.value) if fits and seen.value else UNKNOWN}, word="dpo"
    )


DIVERGENCES = {"reverse_kl": "reverse_kl", "forward_kl": "forward_kl", "js_divergence": "js", "js": "js"}


def divergence(seen: Seen) -> Advice:
    """TRL's alpha is 1 minus the paper's, which is the one here."""
    said = word(seen.value) or ""
    if "coef" in seen.name or said.startswith("alpha"):
        theirs = number(
            seen.place.beside("f_alpha_divergence_coef") or (seen.value if "coef" in seen.name else None)
        )
        theirs = 0.5 if theirs is None and "coef" not in seen.name else theirs
        ours = f"alpha({1 - theirs:.6g})" if theirs is not None and 0 <= theirs <= 1 else f"alpha({UNKNOWN})"
        return Into("method", {"divergence": ours}, word="dpo", note=", the paper's alpha: 1 minus TRL's")
    return Into("method", {"divergence": DIVERGENCES.get(said, UNKNOWN)}, word="dpo")


def reference_free(seen: Seen) -> Advice:
    """CPO without its cross entropy is DPO without a reference, to the letter."""
    if is_off(seen.value):
        return Leave(
            "`dpo` and `kto` have a reference, which is what `init` names unless `reference` says otherwise"
        )
    if _method(seen) in ("cpo", "orpo", "simpo"):
        return Leave(f"`{_method(seen)}` has no reference")
    said = words(_argument(seen, "loss")) or ["sigmoid"]
    if _method(seen) in ("dpo", None) and (len(said) > 1 or said[0] not in _choices("cpo")):
        return Told(
            f"`{', '.join(said)}` has no form without a reference; `sigmoid` has, as `method = cpo(alpha = 0)`"
        )
    if _method(seen) in ("dpo", None):
        note = ": contrastive preference optimisation, whose loss without its cross entropy is DPO's without a reference"
        return Into("method", {"alpha": "0"}, word="cpo", note=note)
    return Told("of the methods for preferences, `cpo`, `orpo` and `simpo` have no reference")


def reference(seen: Seen) -> Advice:
    if is_off(seen.value):
        return Leave("the reference is what `init` names unless `reference` says otherwise")
    said = name(seen.value)
    if said is None:
        return Told(
            f"declare it as a `model`, and name that: `method = {_method(seen) or 'dpo'}(reference = NAME)`"
        )
    return Into("method", {"reference": said})


def trained(seen: Seen) -> Advice:
    """Which tokens count: all, the assistant's, the completion."""
    now = _method(seen)
    if now in PREFERENCES:
        return Leave(f"`{now}` trains the answers alone")
    if now == "cpt":
        return Leave("`cpt` trains every token")
    yes, no = {
        "assistant_only_loss": ("assistant", "all"),
        "completion_only_loss": ("completion", "all"),
        "mask_history": ("last_turn", "assistant"),
    }.get(seen.name, ("all", "assistant"))
    if not is_on(seen.value) and not is_off(seen.value):
        return Into("method", {"loss_on": UNKNOWN}, word="sft")
    which = yes if is_on(seen.value) else no
    if which == "assistant":
        return Leave("`sft` trains the assistant's turns alone unless `loss_on` says otherwise")
    return Into("method", {"loss_on": which}, word="sft")
