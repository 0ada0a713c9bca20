"""What the kind `approval` may demand of the signature of a model's publisher (OpenSSF Model Signing).

Always true here:
- whose signature counts stands in the sealed document, inline: keys, roots, lists of revoked certificates, a service's trusted
  root; nothing is fetched, and no row says it;
- one demand names one kind of trust, and with certificates whom they must name: a root alone would let in everybody under it;
- what the publisher must have called the model is said, and compared as it stands: no name is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Meta

from strongroom.rules.model import DocumentError, NamePattern

_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_CRL_END: Final = b"-----END X509 CRL-----"
_Day: TypeAlias = Annotated[str, Meta(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$(?!\n)", max_length=10)]
_Who: TypeAlias = Annotated[str, Meta(pattern=r"^[ -~]+$(?!\n)", min_length=1, max_length=300)]
_Pem: TypeAlias = Annotated[str, Meta(max_length=2000)]
_Document: TypeAlias = Annotated[str, Meta(min_length=1, max_length=48 * 1024)]


class PublisherDemand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who must have signed a release, over just its files and under which name.

    Attributes:
        signed_as: what the publisher called the model; `{name}` and `{version}` stand for the release's.
        releases: for which releases by name; none: for every one.
        keys: public keys in PEM, ECDSA, of which one has signed.
        roots: certificates in PEM, to one of which the signer's leads, and counts today.
        trusted_root: the `trusted_root.json` of a private Sigstore service, whose log dates the signature.
        identities: whom the signer's certificate names: an e-mail address, URI, DNS name or common name.
        issuer: who vouched for the identity to the Sigstore service.
        crl: lists of revoked certificates in PEM, one of each issuer, which count today; none: nobody asks.
        until: the first day on which these signers count no more, in UTC.
    """

    signed_as: Annotated[str, Meta(pattern=r"^[ -~]+$(?!\n)", min_length=1, max_length=200)]
    releases: Annotated[tuple[NamePattern, ...], Meta(max_length=100)] = ()
    keys: Annotated[tuple[_Pem, ...], Meta(max_length=10)] = ()
    roots: _Document | None = None
    trusted_root: _Document | None = None
    identities: Annotated[tuple[_Who, ...], Meta(max_length=10)] = ()
    issuer: _Who | None = None
    crl: _Document | None = None
    until: _Day | None = None

    def is_about(self, name: str) -> bool:
        """Whether it is demanded of releases of a name."""
        return not self.releases or name in self.releases

    def called(self, name: str, version: str) -> str:
        """Return what the publisher must have called a release."""
        filled = {"{name}": name, "{version}": version}
        return "".join(filled.get(each, each) for each in _parts(self.signed_as))

    def ended(self, today: date) -> bool:
        """Whether its signers count no more."""
        return self.until is not None and date.fromisoformat(self.until) <= today

    @property
    def whom(self) -> str:
        """Say who must have signed, in plain words."""
        if self.keys:
            return "the key that is named" if len(self.keys) == 1 else f"one of {len(self.keys)} keys"
        who = " or ".join(self.identities)
        return f"{who}, by a certificate" if self.trusted_root is None else f"{who}, vouched for by {self.issuer}"

    @property
    def words(self) -> str:
        """Say it in plain words."""
        of = f" of {' or '.join(self.releases)}" if self.releases else ""
        until = "" if self.until is None else f", before {self.until}"
        return f"the release{of} is signed as {self.signed_as} by {self.whom}{until}"


def _parts(text: str) -> list[str]:
    """Return a text in pieces, its placeholders apart: what a release is called is never looked at for more of them."""
    found: list[str] = []
    while text:
        at, mark = min(((text.find(each), each) for each in ("{name}", "{version}") if each in text), default=(-1, ""))
        if not mark:
            return [*found, text]
        found += [text[:at], mark]
        text = text[at + len(mark) :]
    return found


def check_publishers(demands: Iterable[PublisherDemand], place: str) -> None:
    """Refuse what could never be met, or would let in more than it seems to.

    Raises:
        DocumentError: saying which demand and why.
    """
    for index, each in enumerate(demands):
        here = f"{place}.publishers[{index}]"
        if any(mark in part for part in _parts(each.signed_as) if part not in {"{name}", "{version}"} for mark in "{}"):
            raise DocumentError("Of braces there are {name} and {version}, and no others", f"{here}.signed_as")
        if [bool(each.keys), each.roots is not None, each.trusted_root is not None].count(True) != 1:
            raise DocumentError("Say who signs by one of `keys`, `roots` and `trusted_root`", here)
        if each.keys and (each.identities or each.issuer is not None or each.crl is not None):
            raise DocumentError("A bare key names nobody and has no list: leave out identities, issuer and crl", here)
        if not each.keys and not each.identities:
            tell = "Whom the certificate names is missing: anybody under the root would count"
            raise DocumentError(tell, f"{here}.identities")
        if (each.issuer is None) != (each.trusted_root is None):
            tell = "A Sigstore service's trusted root goes with the issuer who vouches, and neither without the other"
            raise DocumentError(tell, f"{here}.issuer")
        _check_documents(each, here)


def _check_documents(demand: PublisherDemand, here: str) -> None:
    for index, text in enumerate(demand.keys):
        if not _is_key(text):
            tell = "It is no key that counts: one public key in PEM, ECDSA on P-256, P-384 or P-521"
            raise DocumentError(tell, f"{here}.keys[{index}]")
    if demand.roots is not None and not _is_certificates(demand.roots):
        raise DocumentError("There is no certificate in PEM in it", f"{here}.roots")
    if demand.trusted_root is not None and not _is_trusted_root(demand.trusted_root):
        raise DocumentError("It is no trusted root of a Sigstore service", f"{here}.trusted_root")
    if demand.crl is not None and not _is_lists(demand.crl):
        raise DocumentError("There is no list of revoked certificates in PEM in it", f"{here}.crl")
    if demand.until is not None:
        try:
            date.fromisoformat(demand.until)
        except ValueError:
            raise DocumentError("There is no such day", f"{here}.until") from None


def _is_key(text: str) -> bool:
    if text.count("-----END PUBLIC KEY-----") != 1:
        return False
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES


def _is_certificates(text: str) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return False


def _is_lists(text: str) -> bool:
    parts = text.encode().split(_CRL_END)[:-1]
    try:
        return bool([x509.load_pem_x509_crl(each + _CRL_END) for each in parts])
    except (ValueError, UnsupportedAlgorithm):
        return False


def _is_trusted_root(text: str) -> bool:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return False
    members = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return all(isinstance(members.get(each), list) and members[each] for each in ("tlogs", "certificateAuthorities"))
