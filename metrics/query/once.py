"""Tells where nobody is counted twice in a bucket, so that people need not be told apart: that costs the most."""

from __future__ import annotations

from metrics.language.people import SINGLE, People
from metrics.query.planner import Part
from metrics.query.spec import Question
from metrics.rollups.definitions import USERS

#: Rollups in which a bucket has nobody twice. Those of defined metrics may have somebody twice.
_GRAINS = {rollup.relation: rollup.grain for rollup in USERS}


def is_once(part: Part, question: Question, people: People) -> bool:
    """Tell whether each bucket of the answer that `part` touches is one bucket of its relation and nothing else."""
    # Two names in a bucket may be one person.
    if part.relation not in _GRAINS or people is not SINGLE:
        return False
    starts = question.starts
    begins = part.start in starts or part.start == question.start
    ends = part.end in starts or part.end == question.end
    return _GRAINS[part.relation] == question.step.typical and begins and ends
