"""Models and data, which have blocks of their own, and what the compiled folder and the commands do."""

from __future__ import annotations

from smolc.compiler.model.habits.advice import (
    UNKNOWN,
    Advice,
    Entry,
    Habit,
    Leave,
    Line,
    Seen,
    Table,
    Told,
    leave,
    line,
    told,
)
from smolc.compiler.model.habits.written import (
    file,
    flag,
    is_off,
    name,
    natural,
    rows,
    sequences,
    text,
    word,
)

METRICS = "there is none: each run writes its `metrics.jsonl`, and `smolc run` ends in `report.html`"
AGAIN = "`smolc run` goes on where it stopped, by itself"
WORKERS = "as many as there are processors, unless the environment's `SMOLC_WORKERS` says otherwise"


def _model(seen: Seen) -> Advice:
    """A model by its id or folder; in a stage by the name of its block."""
    if seen.place.kind == "stage" and (said := name(seen.value)):
        return Line("stage", "init", said)
    said = word(seen.value) or ""
    if said.startswith((".", "/", "~")):
        return Line("model", "path", text(seen.value) or UNKNOWN)
    return Line("model", "hub", text(seen.value) or UNKNOWN)


def _dataset(seen: Seen) -> Advice:
    if seen.place.kind == "stage" and (said := name(seen.value)):
        return Line("stage", "data", said)
    return Line("dataset", "hub", text(seen.value) or UNKNOWN)


def _sample(seen: Seen) -> Advice:
    if is_off(seen.value):
        return Leave("`all` reads every row")
    return Told(f"write `all(at_most = {sequences(seen.value) or UNKNOWN})` for a dataset in the `mixture`")


def _template(seen: Seen) -> Advice:
    return Told('it is a block: `template chat { builtin = chatml }`, or with `file = "chat.jinja"`')


def _merge(seen: Seen) -> Advice:
    example = {"slerp": "slerp(at = 50%)", "soup": "soup"}.get(
        word(seen.value) or "", "linear(weights = [90%, 10%])"
    )
    return Told(f"`method = {example}`, in a `merge`")


def _texts(key: str, block: str) -> Habit:
    return line(key, text, block)


DATA: Table = {
    "model_name_or_path": Entry(_model, '"HuggingFaceTB/SmolLM2-135M"', "model"),
    "base_model": Entry(_model, '"HuggingFaceTB/SmolLM2-135M"', "model"),
    "model_id": Entry(_model, '"HuggingFaceTB/SmolLM2-135M"', "model"),
    "model": Entry(_model, "base"),
    "model_revision": Entry(_texts("revision", "model"), '"main"', "model"),
    "trust_remote_code": Entry(line("trust_remote_code", flag, "model"), "true", "model"),
    "dataset": Entry(_dataset, "chats"),
    "datasets": Entry(_dataset, "chats"),
    "dataset_name": Entry(_dataset, '"HuggingFaceTB/smoltalk2"', "dataset"),
    "dataset_config": Entry(_texts("config", "dataset"), '"SFT"', "dataset"),
    "dataset_split": Entry(_texts("split", "dataset"), '"train"', "dataset"),
    "dataset_train_split": Entry(_texts("split", "dataset"), '"train"', "dataset"),
    "data_files": Entry(line("path", file, "dataset"), '"chats.jsonl"', "dataset"),
    "weight": Entry(
        told("`share(10%)` of the mixture's tokens, or `take(50%)` of the source, in a `mixture`"), "0.1"
    ),
    "val_set_size": Entry(
        line("holdout", rows, "mixture", off="no rows are held out unless `holdout` says so"),
        "0.1",
        "mixture",
    ),
    "val_size": Entry(
        line("holdout", rows, "mixture", off="no rows are held out unless `holdout` says so"),
        "0.1",
        "mixture",
    ),
    **{
        key: Entry(
            told(
                "`holdout = picks` in a `mixture` measures the validation loss on dataset `picks`, such as a split of "
                "its own with `role = validation`; `holdout = 2%` keeps a part of the mixture for it"
            ),
            '"test"',
        )
        for key in ("dataset_test_split", "test_datasets", "eval_dataset")
    },
    "max_samples": Entry(_sample, "1000"),
    "chat_template": Entry(_template, "chatml"),
    "seed": Entry(line("seed", natural, "recipe"), "42", "recipe"),
    "data_seed": Entry(line("seed", natural, "recipe"), "42", "recipe"),
    "merge_method": Entry(_merge, "linear", "merge"),
    "tokenizer_source": Entry(line("like", name, "merge"), "base", "merge"),
}

ABSENT: Table = {
    "report_to": Entry(told(METRICS), "wandb"),
    "wandb_": Entry(told(METRICS), '"mine"'),
    "run_name": Entry(leave("a run is called as its stage"), '"mine"'),
    "logging_dir": Entry(told(METRICS), '"logs"'),
    "output_dir": Entry(leave("a recipe says what, not where: `smolc build -o FOLDER`"), '"out"'),
    "overwrite_output_dir": Entry(leave(AGAIN), "true"),
    "resume_from_checkpoint": Entry(leave(AGAIN), "true"),
    "dataloader_num_workers": Entry(
        leave("rows are tokenised before training, and loading them has no settings"), "4"
    ),
    "preprocessing_num_workers": Entry(leave(WORKERS), "4"),
    "dataset_num_proc": Entry(leave(WORKERS), "4"),
    "dataset_processes": Entry(leave(WORKERS), "4"),
    "remove_unused_columns": Entry(leave("`format` of a `dataset` says which columns are read"), "false"),
    "push_to_hub": Entry(
        told("a `publish` block says where a model goes, and `smolc publish` pushes it"), "true"
    ),
    "hub_model_id": Entry(
        told("a `publish` block says where a model goes, and `smolc publish` pushes it"), '"me/model"'
    ),
}
