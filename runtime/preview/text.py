"""Words for what is shown, and rows made harmless: they are strangers' text."""

from __future__ import annotations

from smolc.runtime.preview.rows import Piece, Sequence, Shown, Turn
from smolc.runtime.preview.sample import StageSample
from smolc.runtime.preview.sources import SourceSample
from smolc.runtime.report.outputs import number, objects
from smolc.runtime.report.text import count, one_line, percent

_BASES = {
    "tokens": ("tokens", "tokens"),
    "trained": ("trained_tokens", "trained tokens"),
    "examples": ("rows", "rows"),
}


def stage_facts(stage: StageSample) -> list[str]:
    job = stage.job
    loss = job.loss_on if job.loss_on != "roles" else f"roles({', '.join(job.roles)})"
    facts = [f"method {job.method}"]
    if job.method in ("cpt", "sft") and stage.template:
        facts.append(f"loss on {loss}" + ("" if job.thinking else ", without thinking"))
    facts += [stage.template or "documents", stage.length_said]
    if job.method in ("cpt", "sft"):
        facts.append(f"packing {job.packing}")
    return [*map(one_line, facts), f"overlong = {job.overlong}"]


def counted(tokens: int, trained: int) -> str:
    """`34 tokens, 6 trained (18%)`."""
    said = f"{tokens:,} token{'' if tokens == 1 else 's'}"
    return f"{said}, {trained:,} trained ({percent(trained / tokens, 0)})" if trained else said


def row_counted(row: Shown) -> str:
    if len(row.sequences) == 1:
        return counted(row.tokens, row.kept)
    whole = row.sequences[0].tokens
    longest = "the longest sequence has " if len(row.sequences) > 2 else ""
    return f"prompt of {whole:,} tokens; {longest}{row.tokens:,} tokens"


def turn_counted(turn: Turn) -> str:
    used = sum(piece.trained for piece in turn.pieces if piece.part is not None)
    return counted(turn.tokens, used)


def sequence_counted(sequence: Sequence) -> str:
    return counted(sequence.tokens, sequence.trained)


def gap_said(piece: Piece) -> str:
    trained = f", {piece.trained:,} of them trained" if piece.trained and piece.part is not None else ""
    return f"… {piece.tokens:,} tokens{trained} …"


def source_said(source: SourceSample) -> str:
    rows = source.rows
    tokens = sum(sequence.tokens for row in rows for sequence in row.sequences)
    said = [source.weight, f"{len(rows)} row{'' if len(rows) == 1 else 's'} shown"]
    if rows:
        said.append(counted(tokens, sum(row.kept for row in rows)))
    if source.filtered:
        said.append(f"`where` left out {source.filtered:,} of the first {source.read:,}")
    return " · ".join(said)


def prepared_said(stage: StageSample) -> list[tuple[str, str]]:
    """What is known of all rows, if they are prepared: name, facts."""
    stats = stage.stats
    if stats is None:
        return []
    sources = objects(stats.get("sources"))
    counted, of = _BASES.get(str(stats.get("basis")), _BASES["tokens"])
    whole = sum(number(source.get(counted)) or 0.0 for source in sources)
    said = []
    for source in sources:
        tokens = number(source.get("tokens")) or 0.0
        trained = number(source.get("trained_tokens")) or 0.0
        part = number(source.get(counted)) or 0.0
        facts = [f"{percent(part / whole) if whole else '–'} of the {of}"]
        if (declared := number(source.get("declared_share"))) is not None:
            facts[0] += f" (declared {percent(declared)})"
        facts.append(f"{count(number(source.get('rows')) or 0)} rows")
        facts.append(f"{count(tokens)} tokens, {percent(trained / tokens, 0) if tokens else '–'} trained")
        if (epochs := number(source.get("epochs"))) is not None:
            facts.append(f"{epochs:.3g} epochs")
        said.append((one_line(str(source.get("name"))), " · ".join(facts)))
    lengths = stats.get("lengths")
    if isinstance(lengths, dict):
        names = (("p50", "half"), ("p90", "90%"), ("p99", "99%"), ("p100", "all"))
        known = [(said_, number(lengths.get(key))) for key, said_ in names]
        facts = [f"{name} within {count(value)} tokens" for name, value in known if value is not None]
        if (fill := number(stats.get("fill"))) is not None:
            facts.append(f"packed {percent(fill)} full")
        said.append(("lengths", ", ".join(facts)))
    return said
