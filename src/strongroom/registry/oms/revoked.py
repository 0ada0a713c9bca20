"""Lists of revoked certificates (RFC 5280 §5), from files: nobody is asked, and nothing is fetched.

Always true here:
- each certificate below the root has a list of its own issuer that counts today, or it does not count;
- a list that is of another time, of somebody else, partial or of a kind that is not known is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from strongroom.registry.oms.bundle import BadSignature

_END: Final = b"-----END X509 CRL-----"
_PLAIN: Final = (x509.AuthorityKeyIdentifier, x509.CRLNumber)


class BadList(ValueError):  # noqa: N818 - said to a person
    """A file holds no list of revoked certificates."""


@dataclass(frozen=True, slots=True)
class RevocationLists:
    """Lists, nothing of them believed before it was verified.

    Attributes:
        lists: as they were read.
        now: when they must count: today, also where a signature of long ago is verified.
    """

    lists: tuple[x509.CertificateRevocationList, ...]
    now: datetime

    @classmethod
    def read(cls, data: bytes, now: datetime) -> RevocationLists:
        """Read lists in PEM, one after the other, or one in DER.

        Raises:
            BadList: when there is none.
        """
        try:
            if _END in data:
                return cls(tuple(x509.load_pem_x509_crl(part + _END) for part in data.split(_END)[:-1]), now)
            return cls((x509.load_der_x509_crl(data),), now)
        except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
            raise BadList("there is no list of revoked certificates in it, in PEM or DER") from None

    def check(self, chain: Sequence[x509.Certificate]) -> None:
        """Refuse a chain of which a certificate is revoked, or of which that cannot be told.

        Args:
            chain: the signer's certificate first, the root last.

        Raises:
            BadSignature: saying which.
        """
        for certificate, issuer in pairwise(chain):
            found = [each for each in self.lists if _counts(each, issuer, self.now)]
            if not found:
                raise BadSignature(
                    f"whether a certificate was revoked cannot be told: no list by {_name(issuer.subject)} counts now"
                )
            for each in found:
                # Whatever day it says: an attacker who holds the key dates signatures as they like.
                if each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                    raise BadSignature(f"the certificate of {_name(certificate.subject)} was revoked")


def _counts(each: x509.CertificateRevocationList, issuer: x509.Certificate, at: datetime) -> bool:
    key = issuer.public_key()
    if each.issuer != issuer.subject or not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return False
    if each.next_update_utc is None or not each.last_update_utc <= at < each.next_update_utc:
        return False
    try:
        # A list of some reasons or some certificates alone says so in an extension, as does one of changes.
        if any(not isinstance(one.value, _PLAIN) for one in each.extensions):
            return False
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        return usage.crl_sign and each.is_signature_valid(key)
    except (ValueError, x509.DuplicateExtension, x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm):
        return False


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()[:200] or "nobody"
