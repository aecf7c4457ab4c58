"""A sweep's points, each a whole stage of its own."""

from __future__ import annotations

from itertools import product
from math import prod

from smolc.compiler.diagnostics import Diagnostic, Label, Severity
from smolc.compiler.format.value import print_value
from smolc.compiler.model.arrange import arrange
from smolc.compiler.model.base import Reading
from smolc.compiler.model.habits import answered
from smolc.compiler.model.links import Declared, check_names
from smolc.compiler.model.recipe import Run
from smolc.compiler.model.stage import Stage, Sweep
from smolc.compiler.model.validate import validate
from smolc.compiler.resolve import Section
from smolc.compiler.resolve.override import put
from smolc.compiler.syntax import tree


def expand(
    name: str, stage: Stage, section: Section, declared: Declared, found: list[Diagnostic]
) -> tuple[Run, ...]:
    """The runs of a stage: one without values if it has no sweep. A value that does not fit is reported once.

    declared: what a value may name.
    """
    if stage.sweep is None:
        return (Run(written={}, values={}, stage=stage),)
    sweep = stage.sweep
    points = _points(name, sweep, found)
    runs = []
    reported: set[tuple[int, str]] = set()
    for point in points:
        changed = section.copy()
        for path, value in point:
            put(changed, path, value)
        reading = Reading()
        made = validate(Stage, arrange(changed, reading.found), reading)
        reading.found.extend(check_names(reading.links, declared))
        for mistake in answered(reading.found, [changed], swept=True):
            key = (mistake.span.start if mistake.span else 0, mistake.message)
            if key not in reported:
                reported.add(key)
                found.append(mistake)
        if made is not None and not reading.found:
            written = {str(path): print_value(value) for path, value in point}
            values = {str(path): getattr(value, "value", written[str(path)]) for path, value in point}
            runs.append(Run(written=written, values=values, stage=made))
    return tuple(runs)


def _points(
    name: str, sweep: Sweep, found: list[Diagnostic]
) -> list[tuple[tuple[tree.Path, tree.Value], ...]]:
    axes = [[(axis.path, value) for value in axis.values] for axis in sweep.axes]
    for axis in axes:
        said: dict[object, tree.Value] = {}
        for _, value in axis:
            same = said.setdefault(getattr(value, "value", value.span.text), value)
            if same is not value and sweep.mode == "grid":
                message = f"{value.span.text} stands twice in this list"
                first = (Label(same.span, "first here"),)
                found.append(Diagnostic("V011", "bad-sweep", Severity.ERROR, message, value.span, first))
    if not axes:
        message = f"the sweep of stage `{name}` varies nothing"
        help = "add a line such as `optim.lr = [1e-5, 3e-5]`"
        found.append(Diagnostic("V011", "bad-sweep", Severity.ERROR, message, sweep.span, help=help))
        return []
    if sweep.mode == "zip" and len({len(a) for a in axes}) > 1:
        labels = tuple(Label(a.span, f"{len(a.values)} values") for a in sweep.axes[1:] if a.span)
        message = "lists that are zipped must be equally long"
        place = sweep.axes[0].span or sweep.span
        found.append(Diagnostic("V011", "bad-sweep", Severity.ERROR, message, place, labels))
        return []
    # Counted before they are made: a product of long lists would not fit into memory.
    count = len(axes[0]) if sweep.mode == "zip" else prod(len(a) for a in axes)
    if count > sweep.at_most:
        message = f"this sweep is {count:,} runs; {sweep.at_most} are allowed"
        help = f"if that is meant, say `at_most = {count}`"
        found.append(Diagnostic("V011", "bad-sweep", Severity.ERROR, message, sweep.span, help=help))
        return []
    return list(zip(*axes, strict=True) if sweep.mode == "zip" else product(*axes))
