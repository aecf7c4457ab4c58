"""The arrow Recipe -> Plan."""

from __future__ import annotations

from typing import Any

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.types import has_errors
from smolc.compiler.model.eval_checks import measuring
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.links import making_order, pairs_of, stage_order
from smolc.compiler.model.merge import Merge, behind
from smolc.compiler.model.methods import Cpt, Dpo, Kto
from smolc.compiler.model.recipe import Recipe, Run
from smolc.compiler.model.stage import Minimum, Stage
from smolc.compiler.model.types import Link
from smolc.compiler.plan import grid, templates
from smolc.compiler.plan.cluster import choose, of_stage
from smolc.compiler.plan.contamination import contamination_body, tested
from smolc.compiler.plan.data import model_body, prepare_body, sources_of
from smolc.compiler.plan.evals import Asking, evaluate_body, gate_body, replicate_body
from smolc.compiler.plan.merge import merge_body, merge_title
from smolc.compiler.plan.pairs import JUDGEMENT, generate_body, pairs_body
from smolc.compiler.plan.train import train_body
from smolc.compiler.plan.types import Cluster, Job, Plan, digest
from smolc.compiler.resolve import Resolved
from smolc.compiler.resolve.resolve import EDITION


def plan(recipe: Recipe, resolved: Resolved, on: str | None = None) -> tuple[Plan | None, list[Diagnostic]]:
    """All jobs of a recipe on a cluster; None if there are errors."""
    cluster, found = choose(recipe, on)
    if cluster is None:
        return None, found
    planner = _Planner(recipe, resolved, cluster, on, found)
    planner.run()
    if has_errors(found):
        return None, found
    made = Plan(recipe.name, recipe.about, EDITION, cluster, tuple(planner.jobs.values()), planner.texts)
    return made, found


class _Planner:
    """Collects jobs in running order."""

    def __init__(
        self, recipe: Recipe, resolved: Resolved, cluster: Cluster, on: str | None, found: list[Diagnostic]
    ) -> None:
        self.recipe = recipe
        self.resolved = resolved
        self.cluster = cluster
        self.on = on
        self.found = found
        self.jobs: dict[str, Job] = {}
        self.texts: dict[str, str] = {}
        self.sources: dict[str, list[dict[str, Any]]] = {}
        self.tested = tested(recipe, resolved)

    def run(self) -> None:
        for name, template in self.recipe.templates.items():
            text, problem = templates.text_of(template, self.resolved)
            if problem is not None:
                self.found.append(problem)
            if text is not None:
                self.texts[f"templates/{name}.jinja"] = text
        if has_errors(self.found):
            return
        for link in (
            [s.init for s in self.recipe.stages.values()]
            + [x for e in self.recipe.evals.values() for x in models_of(e)]
            + [
                *(x for m in self.recipe.merges.values() for x in m.of),
                *(made.of for made in self.recipe.generates.values()),
                *(x for pairs in self.recipe.pairs.values() for x in pairs.judges),
            ]
        ):
            if link.name in self.recipe.models:
                self._model(link.name)
        compared = contamination_body(self.recipe, self.resolved)
        if compared is not None:
            title = "what is trained on against what the evals ask"
            self._add(CONTAMINATION, CONTAMINATION, title, None, (), compared)
        for name in making_order(self.recipe):
            if name in self.recipe.merges:
                self._merge(name, self.recipe.merges[name])
            else:
                self._stage(name)
        for name in self.recipe.generates:
            self._generate(name)
        for name in self.recipe.pairs:
            self._pairs(name)
        for name, evaluation in self.recipe.evals.items():
            self._eval(name, evaluation)
        self._add(
            "report", "report", "the report: curves, grids, shares, samples", None, tuple(self.jobs), {}
        )

    def _add(
        self,
        id: str,
        kind: str,
        title: str,
        stage: str | None,
        needs: tuple[str, ...],
        body: dict[str, Any],
        cluster: Cluster | None = None,
        passes: str | None = None,
    ) -> str:
        """Add a job; gates are left out of what others need, so that a report is written when one fails."""
        if id in self.jobs:
            return id
        needs = tuple(dict.fromkeys(n for n in needs if n in self.jobs and self.jobs[n].kind != "gate"))
        cluster = cluster or self.cluster
        body = {"seed": self.recipe.seed, "device": cluster.device, **body}
        files = {name: digest(self.texts[name]) for name in templates.templates_of(body)}
        before = [self.jobs[n] for n in needs]
        hash = digest(
            [kind, body, files, [b.hash if kind == "report" else b.passes or b.hash for b in before]]
        )
        # What is trained does not depend on what it is compared with: another eval trains nothing anew.
        first = CONTAMINATION in self.jobs and kind in ("train", "evaluate", "generate")
        after = (CONTAMINATION,) if first else ()
        self.jobs[id] = Job(id, kind, title, stage, needs, body, hash, cluster, after, passes)
        return id

    def _model(self, name: str) -> str:
        model = self.recipe.models[name]
        body = model_body(model, self.resolved)
        source = body["source"]
        said = source.get("id") or source.get("path") or f"a {source['architecture']} from scratch"
        return self._add(name, "model", f"start model: {said}", None, (), body)

    def _job_of(self, link: Link) -> str:
        """The job that ends with the model a link names."""
        if link.name in self.recipe.models:
            return self._model(link.name)
        if link.name in self.recipe.merges:
            return link.name
        return f"{link.name}-best" if self.recipe.stages[link.name].sweep else link.name

    def _merge(self, name: str, merge: Merge) -> None:
        body = merge_body(merge, self.recipe, self._job_of)
        needs = tuple(one["job"] for one in body["inputs"])
        self._add(name, "merge", f"{name}: {merge_title(merge)}", name, needs, body)

    def _template(self, name: str | None) -> dict[str, Any]:
        return templates.spec(name, self.recipe, f"templates/{name}.jinja" in self.texts)

    def _sources(self, stage: Stage) -> list[dict[str, Any]]:
        """Of a stage's data; made once, since a grid's runs learn from the same."""
        name = stage.data.name
        if name not in self.sources:
            self.sources[name] = sources_of(name, self.recipe, self.resolved)
        return self.sources[name]

    def _stage(self, name: str) -> None:
        stage = self.recipe.stages[name]
        root = templates.model_of(stage, self.recipe)
        template = (
            None
            if isinstance(stage.method, Cpt)
            else self._template(templates.template_of(stage, self.recipe))
        )
        title = f"{name}: mix, render, mask and pack {stage.data.name}"
        body = self._prepared(stage, root, template)
        shared = self._add(f"{name}-data", "prepare", title, name, (root, *self._made(stage)), body)
        runs = self.recipe.runs[name]
        ids = [name] if stage.sweep is None else grid.run_ids(name, runs)
        holdout = body["holdout"] is not None
        trained = []
        for id, run in zip(ids, runs, strict=False):
            # A grid over lengths or masks needs data of its own for each run.
            own = self._prepared(run.stage, root, template)
            data = shared
            if own != body:
                data_id = grid.data_id(name, id, len(run.values), own)
                data = self._add(data_id, "prepare", title, name, (root, *self._made(run.stage)), own)
            trained.append((run, data))
            if stage.sweep is None or not stage.sweep.halve_at:
                self._train(id, name, run, data, holdout)
        if stage.sweep is not None and stage.sweep.halve_at:
            self._halved(name, stage.sweep.halve_at, ids, trained, holdout)
        if stage.sweep is not None:
            self._pick(name, stage, ids)

    def _made(self, stage: Stage) -> list[str]:
        """The jobs that make what a stage learns from."""
        return [self._pairs(label) for label in pairs_of(stage.data.name, self.recipe)]

    def _generate(self, name: str) -> str:
        made = self.recipe.generates[name]
        subject = self._link(made.of)
        body = generate_body(made, subject, self.recipe, self.resolved, self.cluster)
        times = f" {made.samples} times" if made.samples > 1 else ""
        at = f"@{made.checkpoint}" if made.checkpoint is not None else ""
        title = f"{name}: {made.of}{at} answers {made.prompts}{times}"
        needs = tuple(n for n in (subject["job"], subject["tokenizer"]) if n)
        return self._add(name, "generate", title, name, needs, body)

    def _pairs(self, name: str) -> str:
        pairs = self.recipe.pairs[name]
        answers = [link.name for link in pairs.answers]
        needs = [self._generate(one) for one in answers if one in self.recipe.generates]
        models = [*pairs.judges, *(self.recipe.generates[n].of for n in needs)]
        subjects = {str(link): self._link(link) for link in models}
        body = pairs_body(name, subjects, self.recipe, self.resolved, self.cluster)
        title = f"{name}: pairs of {', '.join(dict.fromkeys(answers))}, by {pairs.by.word}"
        judges = [subjects[str(link)]["job"] for link in pairs.judges]
        return self._add(name, "pairs", title, name, (*needs, *judges), body)

    def _halved(
        self,
        name: str,
        rungs: tuple[float, ...],
        ids: list[str],
        trained: list[tuple[Run, str]],
        holdout: bool,
    ) -> None:
        """Rung by rung: all runs up to it, then the cull that says which of them go on."""
        kept = grid.kept_at(len(ids), rungs)
        before: list[str] = []
        verdict: str | None = None
        for number, at in enumerate((*rungs, None)):
            here = ids if at is None else [grid.rung_id(id, at) for id in ids]
            for place, (id, (run, data)) in enumerate(zip(here, trained, strict=False)):
                part = grid.part_body(before[place] if before else None, verdict, at)
                self._train(id, name, run, data, holdout, part)
            if at is None:
                break
            later = rungs[number + 1] if number + 1 < len(rungs) else None
            then = ids if later is None else [grid.rung_id(id, later) for id in ids]
            body = grid.cull_body(at, kept[at], here, then, [run for run, _ in trained])
            go = "goes on" if kept[at] == 1 else "go on"
            title = f"{name}: the {kept[at]} with the smallest eval_loss {grid.rung_said(at)} {go}"
            verdict, before = grid.cull_id(name, at), here
            self._add(verdict, "cull", title, name, tuple(here), body, passes=grid.CULL)

    def _prepared(self, stage: Stage, model: str, template: dict[str, Any] | None) -> dict[str, Any]:
        problem = templates.untagged(stage, template)
        if problem is not None and problem not in self.found:
            self.found.append(problem)
        return prepare_body(stage, model, template, self.recipe, self._sources(stage), self.tested)

    def _train(
        self, id: str, name: str, run: Run, data: str, holdout: bool, part: dict[str, Any] | None = None
    ) -> None:
        """part: of a run that is trained in several jobs."""
        stage = run.stage
        init = self._job_of(stage.init)
        method = stage.method
        reference = None
        if isinstance(method, (Dpo, Kto)):
            reference = self._job_of(method.reference) if method.reference else init
        model = self.recipe.models[templates.model_of(stage, self.recipe)]
        before = len(self.found)
        cluster = of_stage(self.recipe, stage, self.on, self.cluster)
        body = train_body(
            stage,
            model,
            cluster,
            init=init,
            data=data,
            reference=reference,
            holdout=holdout,
            found=self.found,
        )
        if body is None:
            seen = {(d.message, d.span) for d in self.found[:before]}
            self.found[before:] = [d for d in self.found[before:] if (d.message, d.span) not in seen]
            return
        said = ", ".join(f"{key} = {value}" for key, value in run.written.items())
        if part and part["until"] is not None:
            said += f", ends {grid.rung_said(part['until'])}"
        title = f"{name}: {method.word} from {stage.init}" + (f", {said}" if said else "")
        earlier = [part[key] for key in ("before", "verdict") if part[key]] if part else []
        needs = (data, init, *([reference] if reference else []), *earlier)
        self._add(id, "train", title, name, needs, body | {"part": part}, cluster)

    def _pick(self, name: str, stage: Stage, runs: list[str]) -> None:
        assert stage.sweep is not None
        pick = stage.sweep.pick
        metric = pick.metric.name
        scores: tuple[str, ...] = ()
        if metric != "eval_loss":
            measured = measuring(metric, self.recipe)
            assert measured is not None
            subjects = [self._subject(id, id, name) for id in runs]
            body = self._evaluated(measured[1], subjects, frozenset([metric]))
            scores = (
                self._add(
                    f"{name}-scores", "evaluate", f"{name}: {metric} of each run", name, tuple(runs), body
                ),
            )
        candidates = [
            {"job": id, "values": run.values} for id, run in zip(runs, self.recipe.runs[name], strict=False)
        ]
        goal = "min" if isinstance(pick, Minimum) else "max"
        body = {"metric": metric, "goal": goal, "candidates": candidates, "scores": list(scores)}
        title = f"{name}: the run with the {'smallest' if goal == 'min' else 'largest'} {metric}"
        # What follows is made from the winner: a grid with another point, and the same winner, changes nothing of it.
        common = digest([self.jobs[n].hash for n in (self._job_of(stage.init), f"{name}-data")])
        self._add(f"{name}-best", "pick", title, name, (*runs, *scores), body, passes=common)

    def _subject(self, shown: str, job: str, of: str) -> dict[str, Any]:
        """A model under evaluation. of: the stage or model whose tokenizer and template it has. One that no stage prepared
        data for is prompted like the first stage made from it; with its own tokenizer where that stage's data is made
        later, maybe of its own answers."""
        stage: str | None = of
        if of not in self.recipe.stages:
            stage = next(
                (
                    n
                    for n in stage_order(self.recipe)
                    if templates.model_of(self.recipe.stages[n], self.recipe) == of
                ),
                None,
            )
        chat = stage is not None and not isinstance(self.recipe.stages[stage].method, Cpt)
        template = templates.template_of(self.recipe.stages[stage], self.recipe) if chat and stage else None
        prepared = f"{stage}-data" if chat else None
        return {
            "name": shown,
            "job": job,
            "template": self._template(template),
            "tokenizer": prepared if prepared in self.jobs else None,
        }

    def _link(self, link: Link) -> dict[str, Any]:
        """A model, stage or merge that an eval names."""
        return self._subject(str(link), self._job_of(link), behind(link.name, self.recipe))

    def _evaluated(
        self, evaluation: Eval, subjects: list[dict[str, Any]], only: frozenset[str] | None
    ) -> dict[str, Any]:
        judge = None
        if evaluation.judge is not None:
            made = self._link(evaluation.judge)
            judge = {key: made[key] for key in ("name", "job", "template")}
            judge |= {"max_new": JUDGEMENT, "pin": evaluation.judge_pin}
        asking = Asking(evaluation, self.recipe, self.resolved)
        return evaluate_body(asking, subjects, only, judge, self.cluster)

    def _eval(self, name: str, evaluation: Eval) -> None:
        first = self._replicated(name, evaluation) if evaluation.replicates else ()
        subjects = [self._link(link) for link in evaluation.of]
        body = self._evaluated(evaluation, subjects, None)
        tasks = ", ".join(t["name"] for t in body["tasks"])
        title = f"{name}: {tasks} of {', '.join(map(str, evaluation.of))}"
        id = self._measure(name, name, title, body, first)
        if evaluation.expect:
            self._add(
                f"{name}-expect", "gate", f"{name}: what must hold", name, (id,), gate_body(evaluation, id)
            )

    def _measure(
        self, id: str, stage: str, title: str, body: dict[str, Any], first: tuple[str, ...] = ()
    ) -> str:
        needs = [n for s in body["subjects"] for n in (s["job"], s["tokenizer"]) if n]
        needs += [body["judge"]["job"]] if body["judge"] else []
        return self._add(id, "evaluate", title, stage, (*needs, *first), body)

    def _replicated(self, name: str, evaluation: Eval) -> tuple[str]:
        """Known scores, measured as the eval measures: what is new is measured once they come out."""
        known = evaluation.replicates
        links = {str(one.model): one.model for one in known.values()}
        body = self._evaluated(evaluation, [self._link(x) for x in links.values()], frozenset(known))
        title = f"{name}: {', '.join(known)} of {', '.join(links)}, which are known"
        id = self._measure(f"{name}-known", name, title, body)
        title = f"{name}: whether known scores come out"
        return (
            self._add(f"{name}-replicated", "replicate", title, name, (id,), replicate_body(evaluation, id)),
        )


CONTAMINATION = "contamination"
"""The job that is done before any training, and its kind."""


def models_of(evaluation: Eval) -> list[Link]:
    """All models and stages that an eval loads."""
    known = [one.model for one in evaluation.replicates.values()]
    return [*evaluation.of, *known, *([evaluation.judge] if evaluation.judge else [])]
