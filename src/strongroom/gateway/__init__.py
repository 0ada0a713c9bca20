"""The data plane: one way in for every request, the same stages on every surface.

Always true here:
- a request passes Received -> Authenticated -> Admitted -> Screened -> Routed -> Relayed -> Recorded, and each stage
  takes the type that the one before it returned, so none can be left out (`pipeline.py`);
- routes are an allow-list; nothing is passed through: requests and answers are decoded into known fields and written
  anew, so what is not known never travels in either direction;
- who asks, from which tenant and where, comes from the verified key alone; headers, path, query and body cannot say it;
- no SQL to decide: what is decided by stands in a snapshot that holds only while its lease does. A request waits for
  PostgreSQL where its share of a limit is used up, where its nonce must count once, and for a kept response, alone;
- nothing written down here holds a prompt, an answer or a key.
"""

from strongroom.gateway.pipeline import Gateway
from strongroom.gateway.recorder import Recorder
from strongroom.gateway.snapshot import Snapshot

__all__ = ["Gateway", "Recorder", "Snapshot"]
