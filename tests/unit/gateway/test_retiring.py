"""What an old key's caller is told: nothing while it has no successor."""

from __future__ import annotations

from dataclasses import replace
from email.utils import parsedate_to_datetime

from strongroom.gateway import retiring
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.wire.fields import encode_fields


def test_an_old_key_is_told_since_when_and_until_when() -> None:
    who = Principal(role=Role.INFERENCE, name="w", credential=KeyId("k"))
    assert retiring.fields(who) == []
    fields = dict(retiring.fields(replace(who, replaced_at=1_800_000_000.9, retires_at=1_800_003_600.9)))
    assert fields[b"deprecation"] == b"@1800000000"
    assert parsedate_to_datetime(fields[b"sunset"].decode()).timestamp() == 1_800_003_600
    assert encode_fields(list(fields.items()))
