"""The keys that statements about releases are signed by, derived from the keyring: nobody has to keep them.

Each has one use: the scanner's verdicts, the installation's model signatures, each role of each channel, and for each
approver one of their own.
A rotation of the keyring makes new ones; what older ones signed still counts.
"""

from __future__ import annotations

import hmac
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.registry.oms import PublicKeys, SigningKey
from strongroom.signatures.keys import PublicKey, SecretKey
from strongroom.vault import Purpose, PurposeKeys

# The order of P-256's group (SEC 2 §2.4.2). Sixty-four bytes modulo it are as good as even (FIPS 186-5 A.2.1).
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class RegistryKeys:
    """The keys of one installation."""

    def __init__(self, keys: PurposeKeys) -> None:
        """Take what the keyring holds for `Purpose.REGISTRY`."""
        self._roots = list(keys.versions(Purpose.REGISTRY).values())

    def __repr__(self) -> str:
        """Show no key."""
        return "RegistryKeys()"

    def scanner(self) -> SecretKey:
        """Return the key that signs verdicts."""
        return SecretKey.of_seed(_derived(self._roots[0], "scanner"))

    def scanners(self) -> list[PublicKey]:
        """Return whose verdicts count."""
        return [SecretKey.of_seed(_derived(root, "scanner")).public for root in self._roots]

    def evaluator(self) -> SecretKey:
        """Return the key that signs evaluations."""
        return SecretKey.of_seed(_derived(self._roots[0], "evaluator"))

    def evaluators(self) -> list[PublicKey]:
        """Return whose evaluations count."""
        return [SecretKey.of_seed(_derived(root, "evaluator")).public for root in self._roots]

    def policymaker(self) -> SecretKey:
        """Return the key that seals what is demanded of releases."""
        return SecretKey.of_seed(_derived(self._roots[0], "policymaker"))

    def policymakers(self) -> list[PublicKey]:
        """Return whose seals count."""
        return [SecretKey.of_seed(_derived(root, "policymaker")).public for root in self._roots]

    def receiver(self) -> SecretKey:
        """Return the key that seals what was read of others' evidence."""
        return SecretKey.of_seed(_derived(self._roots[0], "receiver"))

    def receivers(self) -> list[PublicKey]:
        """Return by whose seals others' evidence was taken in."""
        return [SecretKey.of_seed(_derived(root, "receiver")).public for root in self._roots]

    def signer(self) -> SigningKey:
        """Return the key that signs models."""
        return SigningKey(_p256(self._roots[0]))

    def signers(self) -> PublicKeys:
        """Return whose model signatures count."""
        return PublicKeys(tuple(_p256(root).public_key() for root in self._roots))

    def channel(self, channel: str, role: str) -> list[SecretKey]:
        """Return the keys of one role of a channel, the current one first: no two channels or roles share one."""
        return [SecretKey.of_seed(_derived(root, f"channel {channel} {role}")) for root in self._roots]

    def registrar(self) -> SecretKey:
        """Return the key that signs whose key an approver's own is, and when an approval by one came."""
        return SecretKey.of_seed(_derived(self._roots[0], "registrar"))

    def registrars(self) -> list[PublicKey]:
        """Return whose certificates and receipts count."""
        return [SecretKey.of_seed(_derived(root, "registrar")).public for root in self._roots]

    def approver(self, account: UUID) -> SecretKey:
        """Return the key that signs the approvals of one account."""
        return SecretKey.of_seed(_derived(self._roots[0], f"approver {account}"))

    def approvers(self, account: UUID) -> list[PublicKey]:
        """Return the keys by which approvals are that account's."""
        return [SecretKey.of_seed(_derived(root, f"approver {account}")).public for root in self._roots]


def _derived(root: bytes, use: str) -> bytes:
    return hmac.digest(root, f"strongroom registry {use}".encode(), "sha256")


def _p256(root: bytes) -> ec.EllipticCurvePrivateKey:
    wide = hmac.digest(root, b"strongroom registry signer", "sha512")
    return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
