"""The control API's routes over the vault's signing keys, and over what they sign."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.registry.vaultkeys.service import Requested, Signed, VaultKey, VaultKeys

TheVaultKeys: TypeAlias = NamedDependency[VaultKeys]
_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=48, description="What the key is called.")]


class MakeKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signing key to be made."""

    name: _Name


class RequestCertificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a certificate is to name."""

    subject: Annotated[
        str, msgspec.Meta(min_length=1, max_length=500, description="As RFC 4514 writes it: CN=models,O=Example.")
    ]
    names: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=300)]],
        msgspec.Meta(max_length=10, description="E-mail addresses, URIs and DNS names besides."),
    ] = []


class SignRelease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By which key of the vault a release is to be signed."""

    vault_key: _Name
    certificates: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=48 * 1024,
                description="The key's certificate, and those between it and its root, in PEM.",
            ),
        ]
        | None
    ) = None
    approved: (
        Annotated[
            UUID,
            msgspec.Meta(description="In production: the proposal of exactly this, which somebody else has approved."),
        ]
        | None
    ) = None


class VaultKeyList(Listing, frozen=True, kw_only=True):
    """Signing keys of the vault, in an answer."""

    data: list[VaultKey]


@post("/vault/signing-keys", responses=WRITE, summary="Make a signing key", tags=["vault"])
async def make_signing_key(data: JSONBody[MakeKey], vault_keys: TheVaultKeys, who: Who, ask: Asked) -> VaultKey:
    """Make a key that signs releases, ECDSA on P-256. Its private half stays with the keystore."""
    return await vault_keys.make(who, data.name, ask)


@get("/vault/signing-keys", responses=READ, summary="List signing keys", tags=["vault"])
async def list_signing_keys(vault_keys: TheVaultKeys, who: Who, ask: Asked) -> VaultKeyList:
    """Return the vault's signing keys with the public halves of all their versions."""
    return VaultKeyList(data=await vault_keys.every(who, ask))


@get("/vault/signing-keys/{key:str}", responses=READ, summary="Show a signing key", tags=["vault"])
async def show_signing_key(key: FromPath[str], vault_keys: TheVaultKeys, who: Who, ask: Asked) -> VaultKey:
    """Return one signing key with the public halves of all its versions."""
    return await vault_keys.show(who, key, ask)


@post("/vault/signing-keys/{key:str}/rotation", responses=WRITE, summary="Rotate a signing key", tags=["vault"])
async def rotate_signing_key(key: FromPath[str], vault_keys: TheVaultKeys, who: Who, ask: Asked) -> VaultKey:
    """Add a version, which signs from now on. What older ones signed still verifies by their public halves."""
    return await vault_keys.turn(who, key, ask)


@post(
    "/vault/signing-keys/{key:str}/csr",
    responses=WRITE,
    status_code=200,
    summary="Request a certificate of a signing key",
    tags=["vault"],
)
async def request_certificate(
    key: FromPath[str], data: JSONBody[RequestCertificate], vault_keys: TheVaultKeys, who: Who, ask: Asked
) -> Requested:
    """Return a request for a certificate (PKCS #10) of the key's newest version, signed by it: for an authority of yours."""
    return await vault_keys.request(who, key, data.subject, data.names, ask)


@post(
    "/models/{name:str}/{version:str}/signature",
    responses=WRITE | PROPOSED,
    status_code=200,
    summary="Have a release signed",
    tags=["models"],
)
async def sign_model(
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[SignRelease],
    vault_keys: TheVaultKeys,
    who: Who,
    ask: Asked,
) -> Response[Signed | Proposal]:
    """Have a release of the installation signed by a key of the vault (OpenSSF Model Signing 1.0).

    In production it is proposed (202): once somebody else has approved, ask again, with the proposal's id as `approved`.
    """
    said = await vault_keys.second.asked(
        who,
        ask,
        lambda: vault_keys.sign(who, name, version, data.vault_key, data.certificates, ask, data.approved),
    )
    return done_or_proposed(said, HTTPStatus.OK)


ROUTES: Final = (
    make_signing_key,
    list_signing_keys,
    show_signing_key,
    rotate_signing_key,
    request_certificate,
    sign_model,
)
