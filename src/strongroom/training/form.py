"""The form in which a file is uploaded (RFC 7578), read in memory: nothing of it touches a disk."""

from __future__ import annotations

import importlib
from typing import Any, Final, NamedTuple

from strongroom.kernel.refusal import Refused, invalid

_multipart: Any = importlib.import_module("multipart")  # it carries no types
_DEMANDED: Final = frozenset({"file", "purpose"})
_FIELDS: Final = _DEMANDED | {"subject"}
_NO_FORM: Final = "Send the file as multipart/form-data, with the fields `file` and `purpose`, and `subject` where a column says whom rows are about."


class Sent(NamedTuple):
    """What was sent. `subject`: the column that says whom each row is about; empty: none does."""

    name: str
    purpose: str
    subject: str
    data: bytes


def read(content_type: str, body: bytes) -> Sent:
    """Return what was sent: a file with its name, its purpose, and the column with people.

    Raises:
        Refused: INVALID for what is no such form.
    """
    kind, options = _multipart.parse_options_header(content_type)
    boundary = str(options.get("boundary", ""))
    if kind != "multipart/form-data" or not boundary:
        raise Refused(invalid(_NO_FORM, param="content-type"))
    fields: dict[str, list[bytes]] = {}
    name = field = ""
    try:
        with _multipart.PushMultipartParser(boundary, max_segment_count=len(_FIELDS), strict=True) as parser:
            for part in (*parser.parse(body), *parser.parse(b"")):
                if isinstance(part, _multipart.MultipartSegment):
                    field = str(part.name)
                    if field in fields or field not in _FIELDS:
                        raise Refused(invalid(f"{_NO_FORM} No other field is taken, and none twice.", param="file"))
                    fields[field] = []
                    name = str(part.filename or name)
                elif part:
                    fields[field].append(bytes(part))
    except (_multipart.MultipartError, ValueError):
        raise Refused(invalid(_NO_FORM, param="file")) from None
    if not fields.keys() >= _DEMANDED:
        raise Refused(invalid(_NO_FORM, param="file"))
    text = {each: b"".join(fields.get(each, [])).decode("utf-8", errors="replace") for each in ("purpose", "subject")}
    return Sent(name, text["purpose"], text["subject"], b"".join(fields["file"]))
