"""Making, turning and looking at the vault's signing keys, and having releases signed by them: through the gate."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from strongroom.identity.approvals import Kind as Proposed
from strongroom.identity.approvals.second import SecondPerson
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.admission.judge import judge
from strongroom.registry.admission.model import PROVEN, Subject
from strongroom.registry.admission.service import Admission, manifest_of, resource_id
from strongroom.registry.oms.keys import BadKey, fingerprint, read_chain
from strongroom.registry.oms.service import bundled, message, payload
from strongroom.store import OperatorTx
from strongroom.vault import SigningKeyState, SigningKeyVersion, SigningRefused, VaultUnavailable, is_signing_name
from strongroom.vault.signing import SigningKeys, check_signature, request_for, request_signed

_NAMES: Final = 10


class KeyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a signing key: its public half, and by what bundles hint at it."""

    version: int
    public_key: str
    fingerprint: str
    made_at: datetime | None


class VaultKey(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key of the vault. The newest version signs; older ones are listed for what they signed."""

    name: str
    version: int
    public_key: str
    versions: list[KeyVersion]


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a certificate (PKCS #10, PEM) of the newest version of a signing key."""

    name: str
    version: int
    request: str


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A release's signature, a Sigstore bundle as JSON, and what it is over."""

    name: str
    digest: str
    files: int
    vault_key: str
    key_version: int
    signer: str
    certificates: int
    signature: str


class _Release(NamedTuple):
    """A release that may be signed."""

    subject: Subject
    files: dict[str, str]


class VaultKeys:
    """The vault's signing keys, as people use them."""

    def __init__(
        self, gate: Gate, admission: Admission, keys: SigningKeys, clock: Clock, *, production: bool = False
    ) -> None:
        """Wire it. `production`: signing a release takes a second person."""
        self._gate: Final = gate
        self._admission: Final = admission
        self._keys: Final = keys
        self._clock: Final = clock
        self.second: Final = SecondPerson(gate, clock, Proposed.CHANNEL, demanded=production)
        """For surfaces: `second.asked` signs, or proposes it where it waits."""

    async def make(self, who: Principal, name: str, ask: Ask) -> VaultKey:
        """Make a key.

        Raises:
            Refused: INVALID for a name that cannot be one, or is taken; UNAVAILABLE when the keystore is away.
        """
        if not is_signing_name(name):
            tell = "A signing key's name is 1 to 48 of a-z, 0-9 and -, and begins with no dash."
            raise Refused(invalid(tell, param="name"))
        async with self._turning(who, name, _noted(ask, signing_key=name, did="made")):
            return _shown(await self._keys.make(name))

    async def every(self, who: Principal, ask: Ask) -> list[VaultKey]:
        """Return all of them, by name."""
        async with self._gate.permit_platform(who, Action.VAULT_READ, Resource(kind=Kind.VAULT), ask):
            pass  # permitted and recorded; asking the keystore takes its own time
        with _told():
            return [_shown(each) for each in await self._keys.every()]

    async def show(self, who: Principal, name: str, ask: Ask) -> VaultKey:
        """Return one."""
        _refuse_odd(name)
        async with self._gate.permit_platform(who, Action.VAULT_READ, _vault(name), ask):
            pass
        with _told():
            return _shown(await self._keys.one(name))

    async def turn(self, who: Principal, name: str, ask: Ask) -> VaultKey:
        """Add a version, which signs from now on."""
        _refuse_odd(name)
        async with self._turning(who, name, _noted(ask, signing_key=name, did="rotated")):
            return _shown(await self._keys.turn(name))

    async def request(self, who: Principal, name: str, subject: str, names: list[str], ask: Ask) -> Requested:
        """Return a request for a certificate of the newest version, signed by it.

        Args:
            who: the caller.
            name: of the key.
            subject: whom the certificate is to name, as RFC 4514 writes it: `CN=models,O=Example`.
            names: e-mail addresses, URIs and DNS names that it is to name besides.
            ask: the request.

        Raises:
            Refused: INVALID for names that cannot be, or a key that there is not; UNAVAILABLE when the keystore is away.
        """
        _refuse_odd(name)
        distinguished, alternative = _subject(subject), _alternative(names)
        async with self._turning(who, name, _noted(ask, signing_key=name, did="requested a certificate")):
            version = (await self._keys.one(name)).current
            asked = _written(version.key, distinguished, alternative)
            found = request_signed(asked, await self._keys.sign(name, version.version, asked))
        text = found.public_bytes(Encoding.PEM).decode()
        return Requested(name=name, version=version.version, request=text)

    async def sign(
        self,
        who: Principal,
        name: str,
        version: str,
        vault_key: str,
        certificates: str | None,
        ask: Ask,
        approved: UUID | None = None,
    ) -> Signed:
        """Have a release of the installation signed, under its own name and over its own manifest's files.

        Args:
            who: the caller.
            name: of the release.
            version: of the release.
            vault_key: which key signs, by its newest version.
            certificates: the key's certificate and those between it and its root, in PEM; None: a bare key signs.
            ask: the request.
            approved: the proposal of exactly this, where it takes a second person.

        Raises:
            Waits: in production.
            Refused: hidden for a release that there is not; INVALID for one that is not proven, for a key that there is not or
                certificates that are not its own; UNAVAILABLE when the keystore is away.
        """
        _refuse_odd(vault_key)
        resource, noted = Resource(kind=Kind.RELEASE, id=resource_id(name, version)), _noted(ask, signing_key=vault_key)
        if not self._gate.may(who, Action.MODEL_ADMIT, resource):
            async with self._gate.permit_platform(who, Action.MODEL_ADMIT, resource, noted):
                raise Refused(hidden("nobody may sign who may not admit"))  # it was refused, and recorded, above
        async with self._gate.permit_platform(who, Action.MODEL_LIST, resource, noted) as tx:
            release = await self._release(tx, name, version)
        with _told():
            key = (await self._keys.one(vault_key)).current
        chain = _chain(certificates, key, self._clock.now())
        noted = _noted(
            ask, did="signed", signing_key=vault_key, key_version=str(key.version), digest=release.subject.digest
        )
        async with self._gate.permit_platform(who, Action.MODEL_ADMIT, resource, noted) as tx:
            if await self._release(tx, name, version) != release:
                tell = f"{release.subject.called} has changed meanwhile: ask again."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            await self.second.use(tx, who, _act(release.subject, vault_key, key, chain), approved)
            with _told():
                return await self._signed(release, vault_key, key, chain)

    async def _signed(
        self, release: _Release, vault_key: str, key: SigningKeyVersion, chain: tuple[x509.Certificate, ...]
    ) -> Signed:
        body = payload(release.subject.called, release.files)
        signature = await self._keys.sign(vault_key, key.version, message(body))
        check_signature(key, signature, message(body))
        return Signed(
            name=release.subject.called, digest=release.subject.digest, files=len(release.files), vault_key=vault_key,
            key_version=key.version, signer=f"key {fingerprint(key.key)}", certificates=len(chain),
            signature=bundled(body, signature, key.key, chain).decode(),
        )  # fmt: skip

    async def _release(self, tx: OperatorTx, name: str, version: str) -> _Release:
        found = await self._admission.named(tx, name, version)
        case = await self._admission.case(tx, found, ())
        lacking = judge(case, Environment.DEV, None).lacks(PROVEN)
        manifest = manifest_of(case)
        if lacking or manifest is None:
            raise Refused(invalid(f"{found.subject.called} is not signed. {lacking}", param="version"))
        return _Release(found.subject, manifest.digests)

    @asynccontextmanager
    async def _turning(self, who: Principal, name: str, ask: Ask) -> AsyncGenerator[None]:
        async with self._gate.permit_platform(who, Action.VAULT_ROTATE, _vault(name), ask):
            with _told():
                yield


def _vault(name: str) -> Resource:
    return Resource(kind=Kind.VAULT, id=name)


def _refuse_odd(name: str) -> None:
    if not is_signing_name(name):
        raise Refused(hidden("no signing key has such a name"))


def _noted(ask: Ask, **facts: str) -> Ask:
    return replace(ask, detail={**ask.detail, **facts})


@contextmanager
def _told() -> Generator[None]:
    """Turn what the keystore says into an answer. Whoever gets here may rotate keys, and may know why it does not work."""
    try:
        yield
    except VaultUnavailable as error:
        raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=_sentence(error))) from None
    except SigningRefused as error:
        raise Refused(invalid(_sentence(error), param="vault_key")) from None


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _act(
    subject: Subject, vault_key: str, key: SigningKeyVersion, chain: tuple[x509.Certificate, ...]
) -> dict[str, object]:
    """Return exactly what a second person is asked about: other files, another key or other certificates, and it is another act."""
    spoken = b"".join(each.public_bytes(Encoding.DER) for each in chain)
    return {
        "summary": f"sign {subject.called} with the vault's key {vault_key}",
        "act": "sign",
        "release": subject.called,
        "digest": subject.digest,
        "vault_key": vault_key,
        "key_version": key.version,
        "signer": fingerprint(key.key),
        "certificates": f"sha256:{hashlib.sha256(spoken).hexdigest()}" if chain else None,
        "names": chain[0].subject.rfc4514_string()[:200] if chain else None,
    }


def _chain(certificates: str | None, key: SigningKeyVersion, now: datetime) -> tuple[x509.Certificate, ...]:
    if certificates is None:
        return ()
    try:
        return read_chain(certificates.encode(), key.key, now)
    except BadKey as error:
        tell = f"The certificates cannot be used with version {key.version} of the key: {error}."
        raise Refused(invalid(tell, param="certificates")) from None


def _subject(text: str) -> x509.Name:
    try:
        found = x509.Name.from_rfc4514_string(text)
    except ValueError:
        found = x509.Name([])
    if not list(found):
        raise Refused(invalid("A subject is written as in CN=models,O=Example (RFC 4514).", param="subject"))
    return found


def _written(key: ec.EllipticCurvePublicKey, subject: x509.Name, names: x509.SubjectAlternativeName | None) -> bytes:
    try:
        return request_for(key, subject, names)
    except ValueError:  # such as a country that is no ASCII
        tell = "The subject, or a name, cannot be written into a request as it stands."
        raise Refused(invalid(tell, param="subject")) from None


def _alternative(names: list[str]) -> x509.SubjectAlternativeName | None:
    if len(names) > _NAMES:
        raise Refused(invalid(f"A certificate names at most {_NAMES} besides its subject.", param="names"))
    try:
        found = [
            x509.UniformResourceIdentifier(each) if ":" in each
            else x509.RFC822Name(each) if "@" in each
            else x509.DNSName(each)
            for each in names
        ]  # fmt: skip
    except ValueError:
        raise Refused(invalid("A name is an e-mail address, a URI or a DNS name, in ASCII.", param="names")) from None
    return x509.SubjectAlternativeName(found) if found else None


def _shown(found: SigningKeyState) -> VaultKey:
    versions = [
        KeyVersion(
            version=each.version, public_key=each.public_key, fingerprint=fingerprint(each.key),
            made_at=datetime.fromtimestamp(each.made_at, UTC) if each.made_at else None,
        )
        for each in found.versions
    ]  # fmt: skip
    return VaultKey(
        name=found.name, version=found.current.version, public_key=found.current.public_key, versions=versions
    )
