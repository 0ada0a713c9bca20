"""Files without a server: `strongroom redact` and `strongroom deidentify`.

Always true here:
- What comes out is of the form that went in: JSON stays JSON, CSV stays CSV with its columns, Parquet keeps its names.
- A file is written beside its place and moved there whole, or not at all; an input is never changed.
- What cannot be looked into is refused or named in the report: never passed on in silence.
- Nothing of the content is in a message, a report or a record of a transformation: types, fields and counts are.
"""

from __future__ import annotations

from strongroom.app.redaction.plan import Format, Plan
from strongroom.app.redaction.report import Report
from strongroom.app.redaction.run import Trouble, redact

__all__ = ["Format", "Plan", "Report", "Trouble", "redact"]
