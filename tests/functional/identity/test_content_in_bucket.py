"""Files in a bucket of somebody else's: it sees ciphertext, is believed in nothing, and when it fails, nothing is served."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.functional.identity import s3
from tests.functional.identity.s3 import BUCKET, KEY, Store
from tests.unit.registry.test_content import sent

from strongroom.app import wiring
from strongroom.app.content_section import ContentSection, check_content
from strongroom.app.contents import content_store, s3_key
from strongroom.app.seed import INSTALLER
from strongroom.app.vault_section import SettingsError
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.content import PART, Broken, BucketStore, bucket
from strongroom.registry.content.quarantine import Part, Quarantine, Stage
from strongroom.registry.releases import NewRelease
from strongroom.registry.scan.testing.build import safetensors
from strongroom.vault.testing import embedded

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ACME, GLOBEX = TenantId(new_uuid()), TenantId(new_uuid())
LONG = os.urandom(PART) * 6 + b"the end"
ASK = Ask()


@pytest.fixture(scope="module")
def running() -> Generator[Store]:
    with s3.serving() as store:
        yield store


@pytest.fixture
def store(running: Store) -> Generator[Store]:
    running.asked.clear()
    yield running
    running.fault = None


@pytest.fixture
def files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quarantine:
    monkeypatch.setattr(bucket, "PIECE", 5 << 20)  # the least that such a store takes: two parts of LONG
    there = store.bucket(prefix=f"{tmp_path.name}/")
    return Quarantine(BucketStore(tmp_path / "content", embedded(tmp_path), there), SystemClock())


async def kept(files: Quarantine, data: bytes, owner: TenantId = ACME, *, anew: bool = False) -> str:
    """Bring a file into the bucket as a release's is; return its digest."""
    begun = await sent(files, data, owner)
    (held,) = (await files.held(begun.id)).values()
    await asyncio.to_thread(files.store.keep, owner, held.sha256, held.path, anew=anew)
    return held.sha256


@pytest.mark.parametrize("data", [b"", b"short", LONG], ids=["none", "short", "parts"])
async def test_what_was_sealed_comes_back_and_the_bucket_never_had_it_in_the_clear(
    files: Quarantine, store: Store, data: bytes
) -> None:
    digest = await kept(files, data)
    found = await files.store.find(ACME, digest)
    with found.opened() as descriptor:
        assert os.pread(descriptor, len(data) + 1, 0) == data
    assert (await asyncio.to_thread(found.sums))[0] == digest
    if data is LONG:
        assert list(found.chunks(6)) == [b"the end"]
    assert files.store.names(ACME) == [digest]
    await files.store.measure(ACME)
    assert files.store.stored(ACME) == found.length()
    seen = b"".join(each.body for each in store.asked)
    assert not data or data[:64] not in seen
    assert {each.authorization.partition("/")[0] for each in store.asked} == {f"AWS4-HMAC-SHA256 Credential={KEY[0]}"}
    assert KEY[1] not in repr(store.asked) + repr(store.place()) + repr(found)
    with pytest.raises(Broken):
        await files.store.find(GLOBEX, digest)  # each owner has its own


async def test_the_same_twice_is_one_object_that_is_never_written_over(files: Quarantine, store: Store) -> None:
    store.raw(
        "PUT", f"/{BUCKET}?versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    )
    digest = await kept(files, LONG)
    before = await files.store.find(ACME, digest)
    await kept(files, LONG)
    assert (await files.store.find(ACME, digest)).head == before.head  # type: ignore[attr-defined]
    await kept(files, LONG, anew=True)  # what was spoilt is written anew, and the old version is gone
    assert (await files.store.find(ACME, digest)).head != before.head  # type: ignore[attr-defined]
    versions = store.raw("GET", f"/{BUCKET}?versions&prefix={files.store.root.parent.name}/")
    assert versions.count(b"<VersionId>") == 1
    files.store.free(ACME, digest)
    left = store.raw("GET", f"/{BUCKET}?versions&prefix={files.store.root.parent.name}/")
    assert b"<VersionId>" not in left
    with pytest.raises(Broken, match="no such object"):
        await files.store.find(ACME, digest)
    for each in (b"one", b"two"):
        await kept(files, each)
    await kept(files, b"theirs", GLOBEX)
    store.fault = s3.broken
    files.store.end(ACME)  # no fault: a bucket that fails keeps no tenant from ending, and no keys from being destroyed
    store.fault = None
    assert len(files.store.names(ACME)) == 2
    files.store.end(ACME)
    assert (files.store.names(ACME), len(files.store.names(GLOBEX))) == ([], 1)


async def test_what_was_interrupted_goes_on_where_it_was(files: Quarantine, store: Store) -> None:
    begun = await sent(files, LONG, ACME)
    (held,) = (await files.held(begun.id)).values()

    def second_fails(asked: s3.Asked, really: Any) -> Any:
        return s3.broken(asked, really) if "partNumber=2" in asked.query else really()

    store.fault = second_fails
    with pytest.raises(OSError, match="the store says InternalError to upload_part"):
        await asyncio.to_thread(files.store.keep, ACME, held.sha256, held.path)
    with pytest.raises(Broken):
        await files.store.find(ACME, held.sha256)  # half of it is nothing
    store.fault = None
    store.asked.clear()
    await asyncio.to_thread(files.store.keep, ACME, held.sha256, held.path)
    assert (store.count("PUT", "partNumber=1"), store.count("PUT", "partNumber=2")) == (0, 1)
    assert (await asyncio.to_thread((await files.store.find(ACME, held.sha256)).sums))[0] == held.sha256


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (s3.broken, "the store says"),
        (s3.denied, "the store says"),
        (s3.truncated, "broke off"),
    ],
)
async def test_a_bucket_that_fails_has_nothing_and_mends_itself(
    files: Quarantine, store: Store, fault: Any, says: str
) -> None:
    digest = await kept(files, LONG)
    honest = await files.store.find(ACME, digest)
    store.fault = fault
    with pytest.raises(Broken, match=says):
        await files.store.find(ACME, digest)
    with pytest.raises(OSError, match=says):
        await asyncio.to_thread(honest.sums)
    if fault is not s3.truncated:
        with pytest.raises(OSError, match=says):
            await files.store.check()
        with pytest.raises(OSError, match=says):
            files.store.has(ACME, digest)  # not known is not absent
    store.fault = None
    assert (await asyncio.to_thread(honest.sums))[0] == digest
    assert "refuses to overwrite" in await files.store.check()


async def test_bytes_that_were_changed_exchanged_or_cut_off_are_never_read_as_the_file(
    files: Quarantine, store: Store
) -> None:
    digest, other = await kept(files, LONG), await kept(files, LONG[1:])
    found = await files.store.find(ACME, digest)
    store.fault = s3.flipped
    with pytest.raises(Broken, match="changed, moved or cut off"):
        await asyncio.to_thread(found.sums)
    store.fault = None
    under = f"/{BUCKET}/{files.store.root.parent.name}/{ACME}"
    mine, theirs = store.raw("GET", f"{under}/{digest}"), store.raw("GET", f"{under}/{other}")
    store.raw("PUT", f"{under}/{digest}", mine[: -(PART // 2)])
    with pytest.raises(Broken, match="changed, moved or cut off"):
        await asyncio.to_thread((await files.store.find(ACME, digest)).sums)
    store.raw("PUT", f"{under}/{digest}", theirs)  # whole, sealed, and its owner's: another file of theirs
    with pytest.raises(Broken, match="replaced"):
        await asyncio.to_thread(found.sums)
    with pytest.raises(Broken, match="not the ones that its name says"):
        await asyncio.to_thread((await files.store.find(ACME, digest)).in_memory)
    store.raw("PUT", f"{under}/{digest}", mine)
    assert (await asyncio.to_thread(found.sums))[0] == digest


def test_an_answer_that_never_ends_fills_no_memory(store: Store) -> None:
    there = store.bucket()
    store.fault = s3.endless
    with pytest.raises(OSError, match="other bytes than it was asked for"):
        there.read("x", 0, 100)


async def test_a_store_that_overwrites_or_is_not_there_is_told_by_doctor(store: Store, tmp_path: Path) -> None:
    there = BucketStore(tmp_path, embedded(tmp_path), store.bucket())
    store.fault = s3.overwriting
    with pytest.raises(OSError, match="overwrites what is there"):
        await there.check()
    with s3.serving() as gone:
        nowhere = BucketStore(tmp_path, embedded(tmp_path), gone.bucket())
    with pytest.raises(OSError, match="does not answer"):
        await nowhere.check()
    with pytest.raises(Broken, match="does not answer"):
        await nowhere.find(ACME, "0" * 64)


@pytest.fixture
def bucketed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is wired from here on keep its files in the bucket."""
    section = ContentSection(
        s3_endpoint=store.endpoint, s3_bucket=BUCKET, s3_prefix=f"{tmp_path.name}/", s3_key_file="-"
    )

    def made(_: Any, __: Any, *more: Any) -> Any:
        return content_store(section, KEY, *more)

    monkeypatch.setattr(wiring, "content_store", made)


@pytest.mark.usefixtures("bucketed")
async def test_a_release_is_brought_and_read_through_the_bucket_and_nothing_is_brought_without_it(
    house: House, store: Store
) -> None:
    services, acme = house.services, await house.tenant("acme")
    who = Principal(role=Role.TENANT_ADMIN, name="acme-admin", credential=KeyId(""), tenant=acme)
    data = safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\1" * 8)
    new = NewRelease(name="m", version="1", files=[Part("m.safetensors", len(data))])
    store.fault = s3.denied
    with pytest.raises(Refused) as no:
        await services.releases.begin(who, new, None, ASK)
    assert no.value.refusal.kind is RefusalKind.UNAVAILABLE
    assert "AccessDenied" not in no.value.refusal.tell
    store.fault = None
    begun = await services.releases.begin(who, new, None, ASK)
    await services.releases.take(who, begun.id, 0, 0, data)
    sums = [hashlib.sha256(data).hexdigest()]
    store.fault = s3.broken
    await services.releases.finish(who, begun.id, sums, ASK)
    await services.releases.settled()
    assert (await services.releases.progress(who, begun.id)).stage is Stage.FAILED
    store.fault = s3.forgetful  # a listing that lags keeps nothing back
    await services.releases.finish(who, begun.id, sums, ASK)
    await services.releases.settled()
    assert (await services.releases.progress(who, begun.id)).stage is Stage.ADMITTED
    store.fault = None
    assert (await services.keeping.verify(who, "m", "1", None, ASK)).sound
    assert not [each for each in house.content.rglob("*") if each.is_file() and each.suffix != ".json"]
    name = f"{services.releases._store.root.parent.name}/{acme}/{sums[0]}"
    kept = store.raw("GET", f"/{BUCKET}/{name}")
    store.raw("PUT", f"/{BUCKET}/{name}", kept[:-1] + bytes([kept[-1] ^ 1]))
    assert not (await services.keeping.verify(who, "m", "1", None, ASK)).sound
    log = await services.audit.of_tenant(INSTALLER, acme, ASK)
    assert any("m.safetensors is not what was stored" in entry.reason for entry in log)
    await services.keeping.delete(who, "m", "1", None, ASK)
    assert services.keeping.shelf.store.names(acme) == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"s3_bucket": "b"}, "need `content.s3_endpoint`"),
        ({"s3_endpoint": "https://s3.example"}, "needs `content.s3_bucket`"),
        ({"s3_endpoint": "http://s3.example", "s3_bucket": "b", "s3_key_file": "f"}, "plain HTTP is for loopback"),
        ({"s3_endpoint": "https://me:x@s3.example", "s3_bucket": "b", "s3_key_file": "f"}, "nothing behind it"),
    ],
)
def test_settings_that_cannot_be_are_told(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_content(ContentSection(**settings))


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("AKID\nsecret\n")
    section = ContentSection(s3_key_file=str(file))
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="others can read it") as no:
        s3_key(section)
    assert "secret" not in str(no.value).replace("s3_key_file", "")
    file.chmod(0o600)
    assert s3_key(section) == ("AKID", "secret")
    file.write_text("AKID")
    with pytest.raises(SettingsError, match="no more"):
        s3_key(section)
