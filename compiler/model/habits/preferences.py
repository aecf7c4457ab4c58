"""Keys of methods and their losses."""

from __future__ import annotations

from smolc.compiler.model.habits import methods
from smolc.compiler.model.habits.advice import Entry, Table, into, leave, told
from smolc.compiler.model.habits.written import at_least_0, flag, positive, ratio

METHODS: Table = {
    "rl": Entry(methods.method_key, "dpo"),
    "stage": Entry(methods.method_key, "dpo"),
    "trainer": Entry(methods.method_key, "dpo"),
    **{name: Entry(methods.beta, "0.1") for name in methods.BETAS},
    "loss_type": Entry(methods.loss_type, "apo_zero"),
    "pref_loss": Entry(methods.loss_type, "sigmoid"),
    "loss_weights": Entry(methods.loss_weights, "[1.0]"),
    "rpo_alpha": Entry(methods.with_sft, "0.2"),
    "pref_ftx": Entry(methods.with_sft, "0.2"),
    "f_divergence_type": Entry(methods.divergence, "js_divergence"),
    "f_alpha_divergence_coef": Entry(methods.divergence, "0.5"),
    "use_weighting": Entry(
        into("method", "wpo", flag, "dpo", off="pairs are not weighed unless `wpo` is true"), "true"
    ),
    "dpo_label_smoothing": Entry(into("method", "label_smoothing", ratio), "0.1"),
    "label_smoothing_factor": Entry(into("method", "label_smoothing", ratio), "0.1"),
    "cpo_alpha": Entry(into("method", "alpha", at_least_0, "cpo"), "1.0"),
    "simpo_gamma": Entry(into("method", "gamma", at_least_0, "simpo"), "1.0"),
    "kto_chosen_weight": Entry(into("method", "desirable_weight", positive), "1.0"),
    "kto_rejected_weight": Entry(into("method", "undesirable_weight", positive), "1.0"),
    "kto_desirable_weight": Entry(into("method", "desirable_weight", positive), "1.0"),
    "kto_undesirable_weight": Entry(into("method", "undesirable_weight", positive), "1.0"),
    "reference_free": Entry(methods.reference_free, "true"),
    "ref_model": Entry(methods.reference, "base"),
    "reference_model": Entry(methods.reference, "base"),
    "precompute_ref_log_probs": Entry(leave("the reference is asked once, before training"), "true"),
    "max_prompt_length": Entry(
        told("prompt and answer have one limit together: `packing = none(length = 4Ki)`"), "512"
    ),
    "assistant_only_loss": Entry(methods.trained, "false"),
    "completion_only_loss": Entry(methods.trained, "true"),
    "train_on_inputs": Entry(methods.trained, "true"),
    "train_on_prompt": Entry(methods.trained, "true"),
    "mask_history": Entry(methods.trained, "true"),
    "neftune_noise_alpha": Entry(
        into("method", "neftune", positive, off="no noise is added unless `neftune` says so"), "5"
    ),
}
