"""Reading a recipe with its parents, then `drop`, merging and overrides."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic, Label, Source, Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.resolve.override import RAW, apply_overrides, override_text, put
from smolc.compiler.resolve.resolved import KINDS, Field, Resolved, Section, error
from smolc.compiler.syntax import parse, read_source, source_of, tree

MOST_PARENTS = 16
EDITION = 1


def resolve(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    shown: str | None = None,
    texts: Mapping[Path, str] | None = None,
) -> tuple[Resolved | None, list[Diagnostic]]:
    """Read `path` and its parents and fold them into one. `overrides` are `path=value` texts, as given to `--set`.

    texts: content that stands for that of files (by resolved path): what an editor has not saved, what a fix would write.
    None only if the file itself cannot be read.
    """
    found: list[Diagnostic] = []
    chain = _chain(path, shown or str(path), texts or {}, found)
    if not chain:
        return None, found
    sections: list[Section] = []
    for file, _ in reversed(chain):
        if file.edition is not None and file.edition.value != EDITION:
            message = (
                f"this smolc reads edition {EDITION} of the language, and the file says {file.edition.text}"
            )
            found.append(
                error("R012", "unknown-edition", message, file.edition.span, help=f"write `smolc {EDITION}`")
            )
        _merge_file(file, sections, found)
    main, real = chain[0]
    folders = {file.source.name: where.parent for file, where in chain}
    resolved = Resolved(
        path, main.source, sections, folders, [w for _, w in chain], [c for f, _ in chain for c in f.comments]
    )
    for file, _ in reversed(chain):
        apply_overrides(sections, file, found)
    for text in overrides:
        source = Source("--set", text)
        folders["--set"] = real.parent
        override_text(sections, source, found)
    if chain[-1][0].extends is not None:  # a parent that was not read may have declared it
        found = [d for d in found if d.name not in ("unknown-path", "nothing-to-drop")]
    return resolved, found


def _chain(
    path: Path, shown: str, texts: Mapping[Path, str], found: list[Diagnostic]
) -> list[tuple[tree.File, Path]]:
    """The file and its parents, child first. Stops at a cycle or an unreadable parent, which is reported."""
    chain: list[tuple[tree.File, Path]] = []
    asked: Span | None = None
    while True:
        given = _given(path, texts)
        source, problems = read_source(path, shown) if given is None else source_of(given, shown)
        if source is None:
            found.extend(_at(p, asked) for p in problems)
            return chain
        found.extend(problems)
        file, problems = parse(source)
        found.extend(problems)
        chain.append((file, _real(path)))
        if file.extends is None:
            return chain
        asked = file.extends.span
        parent = file.extends.value
        if not parent.endswith(".recipe"):
            message = "a recipe extends a file whose name ends in `.recipe`"
            found.append(error("R001", "not-a-recipe", message, asked))
            return chain
        path = path.parent / parent
        if _real(path) in [where for _, where in chain]:
            names = " -> ".join(f.source.name for f, _ in chain)
            found.append(
                error("R002", "extends-cycle", f"recipes extend each other: {names} -> {parent}", asked)
            )
            return chain
        if len(chain) >= MOST_PARENTS:
            found.append(
                error("R002", "extends-cycle", f"more than {MOST_PARENTS} recipes extend one another", asked)
            )
            return chain
        shown = os.path.normpath(Path(shown).parent / parent)


def _real(path: Path) -> Path:
    """Without links; unlike `Path.resolve`, also of links in a circle, for which reading has the words."""
    return Path(os.path.realpath(path))


def _given(path: Path, texts: Mapping[Path, str]) -> str | None:
    try:
        return texts.get(_real(path)) if texts else None
    except (OSError, ValueError):  # no such path can be: reading it says so
        return None


def _at(problem: Diagnostic, span: Span | None) -> Diagnostic:
    """A file's problem, shown where the file was asked for."""
    if problem.span is not None or span is None:
        return problem
    return error(problem.code, problem.name, problem.message, span, help=problem.help, notes=problem.notes)


def _merge_file(file: tree.File, sections: list[Section], found: list[Diagnostic]) -> None:
    seen: dict[tuple[str, str | None], Section] = {}
    inherited = {_key(section) for section in sections}
    for item in file.items:
        if isinstance(item, tree.Drop):
            _drop(item, sections, found)
        elif isinstance(item, tree.Compare):
            found.append(
                error(
                    "R006",
                    "misplaced-comparison",
                    "a comparison stands in `expect` or `where`",
                    item.span,
                )
            )
        elif isinstance(item, tree.Block):
            if not _known(item, found):
                continue
            section = _section(item, found)
            key = _key(section)
            if key in seen:
                found.append(
                    error(
                        "R003",
                        "declared-twice",
                        f"{section.name} is declared twice",
                        section.head,
                        labels=(Label(seen[key].head, "first declared here"),),
                    )
                )
                continue
            seen[key] = section
            if key in inherited:
                _merge_into(sections, section, found)
            else:
                sections.append(_without_drops(section, section, found))


def _key(section: Section) -> tuple[str, str | None]:
    """What two declarations of the same block share; there is one recipe, whatever it is called."""
    kind = section.kind.text
    return kind, None if kind == "recipe" or section.label is None else section.label.text


def _known(block: tree.Block, found: list[Diagnostic]) -> bool:
    kind = block.kind.text
    if kind not in KINDS:
        near = closest(kind, KINDS)
        found.append(
            error(
                "R004",
                "unknown-block",
                f"there is no block `{kind}`",
                block.kind.span,
                help=f"did you mean `{near}`?" if near else "the blocks are " + ", ".join(KINDS),
            )
        )
        return False
    if block.label is None:
        found.append(
            error(
                "R005", "no-label", f"`{kind}` needs a name", block.kind.span, help=f"write `{kind} NAME {{`"
            )
        )
        return False
    if block.label.quoted and kind != "recipe":
        found.append(error("R005", "no-label", "a label is a bare name, not a string", block.label.span))
        return False
    return True


def _section(block: tree.Block, found: list[Diagnostic]) -> Section:
    """A block as a section; reports keys given twice."""
    section = Section(block.kind, block.label, block.head)
    later: list[tree.Assign] = []
    for item in block.items:
        if isinstance(item, tree.Assign):
            key = str(item.path)
            if len(item.path.parts) > 1 and section.kind.text not in RAW:
                later.append(item)
            elif key in section.fields:
                first = section.fields[key].path.span
                found.append(
                    error(
                        "R007",
                        "duplicate-key",
                        f"`{key}` is given twice in {section.name}",
                        item.path.span,
                        labels=(Label(first, "first given here"),),
                    )
                )
            else:
                section.fields[key] = Field(item.path, item.value)
        elif isinstance(item, tree.Compare):
            section.checks.append(item)
        elif isinstance(item, tree.Block) and item.kind.text == "drop":
            message = "`drop` is a statement, not a block"
            found.append(
                error("R004", "unknown-block", message, item.kind.span, help="write `drop key NAME`")
            )
        elif isinstance(item, tree.Block):
            nested = _section(item, found)
            old = section.child(nested.kind.text, nested.label.text if nested.label else None)
            if old is not None:
                found.append(
                    error(
                        "R003",
                        "declared-twice",
                        f"{nested.name} is declared twice in {section.name}",
                        nested.head,
                        labels=(Label(old.head, "first declared here"),),
                    )
                )
            else:
                section.sections.append(nested)
        else:
            section.sections.append(Section(tree.Ident("drop", item.span), item.label, item.span))
            section.sections[-1].fields["kind"] = Field(
                tree.Path((item.kind,), item.kind.span),
                tree.Ref(tree.Path((item.kind,), item.kind.span), item.kind.span),
            )
    for item in later:
        put(section, item.path, item.value)
    return section


def _merge_into(sections: list[Section], new: Section, found: list[Diagnostic]) -> None:
    """Merge a child's block into its parent's: fields replace, labelled blocks merge, unlabelled ones replace."""
    kind, label = new.kind.text, new.label.text if new.label else None
    for index, old in enumerate(sections):
        same = old.kind.text == kind and (
            kind == "recipe" or (old.label.text if old.label else None) == label
        )
        if same:
            sections[index] = _merged(old, new, found)
            return
    sections.append(_without_drops(new, new, found))


def _merged(old: Section, new: Section, found: list[Diagnostic]) -> Section:
    if new.label is None:
        return _without_drops(new, new, found)
    merged = Section(
        new.kind, new.label, new.head, dict(old.fields), [s.copy() for s in old.sections], list(old.checks)
    )
    for dropped in [s for s in new.sections if s.kind.text == "drop"]:
        _drop_inside(merged, dropped, found)
    if new.kind.text == "dataset":  # a `where` replaces one of the other form
        if "where" in new.fields:
            merged.sections = [s for s in merged.sections if s.kind.text != "where"]
        elif new.child("where") is not None:
            merged.fields.pop("where", None)
    merged.fields.update(new.fields)
    if new.checks:
        merged.checks = list(new.checks)
    for nested in new.sections:
        if nested.kind.text != "drop":
            _merge_into(merged.sections, nested, found)
    return merged


def _without_drops(section: Section, new: Section, found: list[Diagnostic]) -> Section:
    for dropped in [s for s in new.sections if s.kind.text == "drop"]:
        section.sections.remove(dropped)
        _drop_inside(section, dropped, found)
    return section


def _drop_inside(section: Section, dropped: Section, found: list[Diagnostic]) -> None:
    kind = dropped.fields["kind"].path.parts[0].text
    label = dropped.label.text if dropped.label else ""
    nested = section.child(kind, label)
    if kind == "key" and label not in section.fields:
        # A block that may stand once: `sweep`, `where`, `expect`.
        nested = next((s for s in section.sections if s.label is None and s.kind.text == label), None)
    if nested is not None:
        section.sections.remove(nested)
    elif kind == "key" and label in section.fields:
        del section.fields[label]
    else:
        names = [s.label.text for s in section.sections if s.label and s.kind.text == kind]
        near = closest(label, list(section.fields) if kind == "key" else names)
        found.append(
            error(
                "R008",
                "nothing-to-drop",
                f"{section.name} has no {kind} `{label}` to drop",
                dropped.head,
                help=f"did you mean `{near}`?"
                if near
                else "`drop key NAME` removes a key, a `sweep` or the like, or a mixture's row",
            )
        )


def _drop(drop: tree.Drop, sections: list[Section], found: list[Diagnostic]) -> None:
    kind, label = drop.kind.text, drop.label.text
    for section in sections:
        if section.kind.text == kind and section.label and section.label.text == label:
            sections.remove(section)
            return
    near = closest(label, [s.label.text for s in sections if s.label and s.kind.text == kind])
    found.append(
        error(
            "R008",
            "nothing-to-drop",
            f"there is no {kind} `{label}` to drop",
            drop.span,
            help=f"did you mean `{near}`?" if near else "`drop` removes what a parent recipe declares",
        )
    )
