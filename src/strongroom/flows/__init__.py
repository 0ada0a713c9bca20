"""Which data goes from where to where: what a tenant has declared, what was seen, and what was seen and not declared.

Always true here:
- declarations are files with numbers: applied in order, without a gap, forward only; one that was applied never changes;
- nothing is read of what was said: flows are told from records and log entries, which hold names, types and numbers;
- nothing is added to a request: flows are gathered afterwards, from what is written down of it anyway;
- a flow that nobody declared is told in the tenant's log once, when it is seen first.
"""

from strongroom.flows.model import Edge, Flow
from strongroom.flows.service import Flows

__all__ = ["Edge", "Flow", "Flows"]
