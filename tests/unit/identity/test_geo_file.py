"""A geo source is a file as its publishers write one; what it does not know is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # its stubs are a package of their own

from strongroom.app.geo import source
from strongroom.identity.geo import GeoFile


def written(path: Path) -> Path:
    writer: Any = MMDBWriter(ip_version=6, ipv4_compatible=True)
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country": {"iso_code": "DE"}, "autonomous_system_number": 64500})
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": "FR"})
    writer.insert_network(IPSet(["2001:db8::/32"]), {"city": "elsewhere"})
    writer.to_db_file(str(path))
    return path


def test_an_address_is_where_the_file_says(tmp_path: Path) -> None:
    geo = GeoFile(written(tmp_path / "geo.mmdb"))
    assert (geo.country("192.0.2.7"), geo.network("192.0.2.7")) == ("DE", "AS64500")
    assert (geo.country("198.51.100.7"), geo.network("198.51.100.7")) == ("FR", "")
    for unknown in ("203.0.113.1", "2001:db8::1", "", "no address"):
        assert (geo.country(unknown), geo.network(unknown)) == ("", "")


def test_a_file_that_is_none_is_told_and_knows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "x.mmdb").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        GeoFile(tmp_path / "x.mmdb")
    assert source(str(tmp_path / "x.mmdb")) is None
    assert "are refused" in caplog.text
    assert source(None) is None
    assert source(str(written(tmp_path / "geo.mmdb"))) is not None
