"""Evaluations: what a deployed release came to in a suite, as signed evidence bound to its digest.

Always true here:
- a suite is data: JSON lines with what is asked, what is expected, and the thresholds that must be met;
- the installation scores: the caller brings answers, never results, and each answer's request must stand in the tenant's records
  as one that this very deployment of this very release completed;
- the result is a signed statement over the release's digest, the suite's digest and the environment; no column says "passed";
- a metric that was not measured meets no threshold, and neither does a suite without one;
- what is kept for live accuracy is a label, what was predicted and a score: never what was asked.
"""

from strongroom.registry.evaluations.counting import Counting
from strongroom.registry.evaluations.model import Evaluated
from strongroom.registry.evaluations.service import Evaluations

__all__ = ["Counting", "Evaluated", "Evaluations"]
