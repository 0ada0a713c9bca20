"""Whether a publisher's signature is what one demand asks for: pure, and the same when it is taken in and each time it counts.

1. the bundle's signature holds, by a key, a certificate or a service that the demand itself names, today;
2. the model was called what the demand says, letter by letter;
3. the files that were signed are those of the release's manifest, no more and no fewer, with those digests.

Nothing that was found before is believed: the bundle is read from its first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.registry.admission.manifest import Manifest
from strongroom.registry.admission.model import Subject
from strongroom.registry.evidence.model import MOST_BUNDLE, BadEvidence, Facts, Form, short
from strongroom.registry.evidence.strictly import decoded
from strongroom.registry.oms import BadSignature, Certificates, PublicKeys, RevocationLists, SigstoreRoot
from strongroom.registry.oms import bundle as bundles
from strongroom.registry.oms.bundle import Bundle
from strongroom.registry.oms.files import ITSELF
from strongroom.registry.oms.keys import BadKey, Trust, fingerprint
from strongroom.registry.oms.revoked import BadList
from strongroom.registry.oms.service import Signed, said_in, stated
from strongroom.registry.scan.jsonread import shown
from strongroom.rules.publishers import PublisherDemand

_SAID: Final = 3
_SIGNATURE: Final = b'"dsseEnvelope"'


class Signer(NamedTuple):
    """Who signed: in words, and by which key (SHA-256 of its PEM), by which it can be revoked."""

    words: str
    key: str


def is_bundle(document: bytes) -> bool:
    """Whether a document is to be read as a publisher's signature: a Sigstore bundle holds an envelope, and is none."""
    return _SIGNATURE in document


def read(document: bytes, now: datetime) -> Facts:
    """Return a publisher's signature as it is kept, nothing of it verified.

    Args:
        document: a Sigstore bundle, as JSON.
        now: when it came; a log's entry says better when it was made.

    Raises:
        BadEvidence: when it is none, or not one of a model.
    """
    decoded(document, MOST_BUNDLE)  # JSON with one reading
    try:
        bundle, said = stated(document)
        made = now if bundle.entry is None else datetime.fromtimestamp(bundle.entry.at, UTC)
    except (BadSignature, ValueError, OverflowError, OSError) as error:
        why = error if isinstance(error, BadSignature) else "its entry of the log has no time"
        raise BadEvidence(f"It is no signature of a model: {why}.") from None
    return Facts(form=Form.OMS, made=made, tool=short(said.name), bundle=document.decode())


def taken_in(
    document: bytes, now: datetime, demands: Iterable[PublisherDemand], subject: Subject, manifest: Manifest
) -> tuple[Facts, str]:
    """Return a publisher's signature as it is kept, and the key that made it: one that some demand asks for.

    Raises:
        BadEvidence: with a sentence that says why, for a person who is trusted with it.
    """
    facts, left = read(document, now), list[str]()
    for demand in demands:
        if demand.is_about(subject.name):
            try:
                return facts, check(demand, subject, manifest, document, now).key
            except BadSignature as error:
                left.append(str(error))
    if not left:
        tell = "The rules about approvals name nobody whose signature of this release would count (`publishers`)."
        raise BadEvidence(tell)
    raise BadEvidence(f"It is not what the rules about approvals demand: {'; '.join(sorted(set(left))[:_SAID])}.")


def check(demand: PublisherDemand, subject: Subject, manifest: Manifest, bundle: bytes, now: datetime) -> Signer:
    """Return who signed a release, when that is what is demanded.

    Raises:
        BadSignature: saying what is not.
    """
    if demand.ended(now.astimezone(UTC).date()):
        raise BadSignature(f"whoever signed it counts no more since {demand.until}")
    held = bundles.read(bundle)
    words = _signed_by(demand, held, now)
    said = said_in(held)  # after the signature: reading what a stranger signed takes ten times as long as refusing it
    wanted = demand.called(subject.name, subject.version)
    if said.name != wanted:
        raise BadSignature(f"it was signed as {shown(said.name)}, and {shown(wanted)} is demanded")
    _same_files(manifest, said)
    return Signer(words, _key_of(held, words))


def _signed_by(demand: PublisherDemand, bundle: Bundle, now: datetime) -> str:
    why = BadSignature("nobody who is trusted has signed it")
    try:
        for trust in _trusts(demand, now):
            try:
                return trust.signer(bundle)
            except BadSignature as error:
                why = error
    except (BadKey, BadList) as error:
        raise BadSignature(f"whose signature counts cannot be read in the rules: {error}") from None
    raise why


def _trusts(demand: PublisherDemand, now: datetime) -> Iterator[Trust]:
    if demand.keys:
        yield PublicKeys.read("\n".join(demand.keys).encode())
        return
    lists = None if demand.crl is None else RevocationLists.read(demand.crl.encode(), now)
    for identity in demand.identities:
        if demand.trusted_root is not None:
            yield SigstoreRoot.read(demand.trusted_root.encode(), identity, demand.issuer or "", lists)
        elif demand.roots is not None:
            yield Certificates.read(demand.roots.encode(), now, identity, lists)


_DIGESTS: Final[dict[str, Callable[[Manifest], dict[str, str]]]] = {
    "sha256": lambda manifest: manifest.digests,
    "blake3": lambda manifest: {each.path: each.blake3 for each in manifest.files},
}


def _same_files(manifest: Manifest, said: Signed) -> None:
    if said.algorithm not in _DIGESTS or (said.algorithm == "blake3" and manifest.version == 1):
        raise BadSignature(
            f"it was signed over {said.algorithm}, by which the release's manifest does not know its files"
        )
    here, there = _DIGESTS[said.algorithm](manifest), said.files
    if there.keys() == {ITSELF} and len(here) == 1:  # a file that was signed as a model by itself
        here = {ITSELF: next(iter(here.values()))}
    if here != there:
        changed = sorted(path for path in here.keys() | there.keys() if here.get(path) != there.get(path))
        named = ", ".join(shown(path) for path in changed[:3]) + (" …" if len(changed) > 3 else "")  # noqa: PLR2004 - of a sentence
        raise BadSignature(f"it is over other files ({named})")


def _key_of(bundle: Bundle, words: str) -> str:
    if not bundle.certificates:
        return words.removeprefix("key ")
    key = x509.load_der_x509_certificate(bundle.certificates[0]).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - it has just verified the signature
    return fingerprint(key)
