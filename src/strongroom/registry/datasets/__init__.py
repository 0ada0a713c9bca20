"""Training data is admitted, not uploaded: received, checked row by row, judged as a whole, approved, and only then read.

Always true here:
- a data set is its tenant's and of one environment; it is named by the digest of its manifest, and never changes;
- what it is worth is told by its signed verdict and signed approvals alone: a row that somebody edited to be admitted is not;
- rows with personal data, secrets, instructions to models or letters that pass for others are rejected, each to a reject file in
  which what was found is masked; a set with signs of poison is quarantined as a whole, and says why;
- bytes are sealed under their tenant's key before they touch a disk;
- how many must approve is the source's risk: of a high one two, one of them the data's owner; never who brought it;
- it is read by a training workload of its environment that has a grant, or exported by its tenant's administrator; each
  reading stands in the tenant's log.

`Datasets.demand` is what training asks.
"""

from strongroom.registry.datasets.model import Contract, Manifest, NewDataset, Shown, Source, State, Tier
from strongroom.registry.datasets.service import Datasets

__all__ = ["Contract", "Datasets", "Manifest", "NewDataset", "Shown", "Source", "State", "Tier"]
