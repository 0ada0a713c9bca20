"""What is pointed at becomes files to send, or is refused before a byte of it leaves."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.cli.bundles import NoBundle, bundle

KIT = "application/vnd.kitops.modelkit"


def contents(path: Path, tag: str | None = None) -> dict[str, bytes]:
    found = bundle(path, tag)
    return {name: b"".join(data) for (name, _), data in zip(found.files, found.contents(), strict=True)}


def _link(place: Path) -> None:
    (place / "weights.gguf").symlink_to("/etc/hostname")


def _hard_link(place: Path) -> None:
    outside = place.parent / "outside"
    outside.write_bytes(b"x")
    os.link(outside, place / "weights.gguf")


def _pipe(place: Path) -> None:
    os.mkfifo(place / "weights.gguf")


def _cases(place: Path) -> None:
    (place / "Model.gguf").write_bytes(b"1")
    (place / "model.GGUF").write_bytes(b"2")


def _forms(place: Path) -> None:
    (place / unicodedata.normalize("NFD", "modèle.gguf")).write_bytes(b"1")


def _git(place: Path) -> None:
    (place / ".gitattributes").write_bytes(b"x")


def _empty_directory(place: Path) -> None:
    (place / "model.gguf").write_bytes(b"1")
    (place / "nothing").mkdir()


def _control(place: Path) -> None:
    (place / "a\nb").write_bytes(b"x")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_link, "symbolic link"),
        (_hard_link, "hard link"),
        (_pipe, "a pipe"),
        (_cases, "one name to some file systems"),
        (_forms, "normal form C"),
        (_git, "Git's"),
        (_empty_directory, "nothing in it"),
        (_control, "not shown"),
        (lambda _: None, "no file"),
    ],
)
def test_a_directory_that_is_no_release_is_refused_with_the_reason(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    place = tmp_path / "model"
    place.mkdir()
    make(place)
    with pytest.raises(NoBundle, match=why):
        bundle(place)


def test_a_directory_and_a_file_are_sent_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.json").write_bytes(b"{}")
    (tmp_path / "sub" / "a.gguf").write_bytes(b"weights")
    assert contents(tmp_path) == {"b.json": b"{}", "sub/a.gguf": b"weights"}
    assert contents(tmp_path / "b.json") == {"b.json": b"{}"}
    (tmp_path / "link").symlink_to("b.json")
    with pytest.raises(NoBundle, match="symbolic link"):
        bundle(tmp_path / "link")
    with pytest.raises(NoBundle, match="No such file"):
        bundle(tmp_path / "nothing")


def test_a_file_that_changes_between_look_and_read_is_not_sent(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"weights")
    found = bundle(file)
    for other in (b"weight", b"weights and more"):
        file.write_bytes(other)
        with pytest.raises(NoBundle, match="changed while it was read"):
            [b"".join(each) for each in found.contents()]


class Layout:
    """An OCI image layout that grows."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "blobs" / "sha256").mkdir(parents=True)
        (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.images: list[dict[str, object]] = []

    def blob(self, data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (self.place / "blobs" / "sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data), "mediaType": "application/octet-stream"}

    def image(self, *layers: dict[str, object], tag: str = "latest", config: str = f"{KIT}.config.v1+json") -> None:
        manifest = {"layers": list(layers), "config": self.blob(b"{}") | {"mediaType": config}}
        named = {"annotations": {"org.opencontainers.image.ref.name": tag}}
        self.images.append(self.blob(json.dumps(manifest).encode()) | named)
        (self.place / "index.json").write_text(json.dumps({"manifests": self.images}))

    def kit(self, *members: tuple[str, bytes], gzipped: bool = False) -> dict[str, object]:
        data = tarred(*((plain(name), content) for name, content in members))
        kind = f"{KIT}.model.v1.tar" + ("+gzip" if gzipped else "")
        return self.blob(gzip.compress(data) if gzipped else data) | {"mediaType": kind}


def plain(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, to
    return found


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return sink.getvalue()


def test_a_model_kit_is_streamed_out_of_its_layers(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.image(layout.kit(("model.gguf", b"w" * 3_000_000), gzipped=True), layout.kit(("docs/README.md", b"hello")))
    assert contents(tmp_path) == {"model.gguf": b"w" * 3_000_000, "docs/README.md": b"hello"}
    assert bundle(tmp_path).told.startswith("ModelKit latest (sha256:")


def test_an_image_with_a_file_for_each_layer_is_taken_by_its_titles(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    titled = {"annotations": {"org.opencontainers.image.title": "model.onnx"}}
    layout.image(layout.blob(b"onnx") | titled, tag="1", config="application/vnd.oci.empty.v1+json")
    layout.image(layout.kit(("other.gguf", b"x")), tag="2")
    assert contents(tmp_path, "1") == {"model.onnx": b"onnx"}
    assert contents(tmp_path, "2") == {"other.gguf": b"x"}
    for tag, why in ((None, "2 images: say which with --tag"), ("3", "No image in it is called 3")):
        with pytest.raises(NoBundle, match=why):
            bundle(tmp_path, tag)


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (plain("../outside.gguf"), "leads elsewhere"),
        (plain("/etc/model.gguf"), "leads elsewhere"),
        (plain("a/../../b.gguf"), "leads elsewhere"),
        (plain("model.gguf", tarfile.SYMTYPE, "/etc/passwd"), "no regular file"),
        (plain("model.gguf", tarfile.LNKTYPE, "other"), "no regular file"),
        (plain("model.gguf", tarfile.CHRTYPE), "no regular file"),
        (plain("model.gguf", tarfile.FIFOTYPE), "no regular file"),
        (plain(".git/config"), "Git's"),
        (plain("first.gguf"), "one path"),
        (plain("FIRST.gguf"), "one name to some file systems"),
    ],
)
def test_a_layer_that_reaches_out_is_refused(tmp_path: Path, member: tarfile.TarInfo, why: str) -> None:
    layout = Layout(tmp_path)
    data = tarred((plain("first.gguf"), b"1"), (member, b""))
    layout.image(layout.blob(data) | {"mediaType": f"{KIT}.model.v1.tar"})
    with pytest.raises(NoBundle, match=why):
        bundle(tmp_path)


def test_a_layer_that_grows_out_of_all_measure_is_not_unpacked(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.image(layout.kit(("model.gguf", b"\0" * (80 << 20)), gzipped=True))
    with pytest.raises(NoBundle, match="grows to far more"):
        bundle(tmp_path)


def test_blobs_that_are_not_what_the_image_names_are_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layer = layout.kit(("model.gguf", b"weights" * 1000), gzipped=True)
    layout.image(layer)
    blob = tmp_path / "blobs" / "sha256" / str(layer["digest"]).removeprefix("sha256:")
    sound = blob.read_bytes()
    blob.write_bytes(sound[:-8] + bytes(8))  # gzip's own sum and length
    with pytest.raises(NoBundle):
        contents(tmp_path)
    for spoilt in (sound[: len(sound) // 2], b"", sound + b"x"):
        blob.write_bytes(spoilt)
        with pytest.raises(NoBundle):
            contents(tmp_path)
    blob.write_bytes(gzip.compress(tarred((plain("other.gguf"), b"weights" * 1000)), mtime=1))
    with pytest.raises(NoBundle):
        contents(tmp_path)
    blob.unlink()
    blob.symlink_to("/etc/hostname")
    with pytest.raises(NoBundle):
        contents(tmp_path)


def test_a_layout_that_is_broken_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layer = layout.kit(("model.gguf", b"x"))
    for spoilt in (
        layer | {"digest": "sha512:" + "0" * 128},
        layer | {"digest": "sha256:../../etc"},
        layer | {"size": -1},
        layer | {"mediaType": "application/unheard-of"},
    ):
        layout.images.clear()
        layout.image(spoilt)
        with pytest.raises(NoBundle):
            bundle(tmp_path)
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(NoBundle):
        bundle(tmp_path)
