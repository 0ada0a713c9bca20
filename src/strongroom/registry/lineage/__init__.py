"""What was made from what: sources, data sets, training runs, releases and deployments as one graph of stored facts.

Always true here:
- the graph is computed from what the tables say when it is asked for; nothing of it is kept beside them;
- what this installation did itself is observed; what somebody says of it is claimed, and says who, and it stays a claim;
- a tenant's graph holds that tenant's things, and the installation's releases, which are everybody's to see.

`record_run` and `end_run` are what a trainer calls, inside its own transaction.
"""

from strongroom.registry.lineage.claims import Claims
from strongroom.registry.lineage.model import Graph, Served
from strongroom.registry.lineage.recording import RunState, end_run, record_output, record_run
from strongroom.registry.lineage.service import Lineage

__all__ = ["Claims", "Graph", "Lineage", "RunState", "Served", "end_run", "record_output", "record_run"]
