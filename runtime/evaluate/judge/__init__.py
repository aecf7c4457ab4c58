"""A judge: a model that grades answers from 1 to 10, or says which of two is the better one.

An eval calls `demand_pin` before anything is answered, and `judge` once all subjects have answered and their models
are given back:

    demand_pin(job.judge, weights)
    judgment = judge(context, job, work, weights, open_judge)

It sets the verdict of each `Said` of `work`; `judgment.counts[task, subject]` goes into the row of those two, and
`judgment.identity` into results.json as `judge`.
"""

from smolc.runtime.evaluate.judge.identity import demand_pin
from smolc.runtime.evaluate.judge.run import Judgment, Speaker, Work, judge

__all__ = ["Judgment", "Speaker", "Work", "demand_pin", "judge"]
