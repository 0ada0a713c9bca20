"""The settings of identity: other people's issuers. In a file of their own, since each says how far it may be trusted."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from strongroom.app.vault_section import Section, SettingsError
from strongroom.identity.people import MappingError, Provider, parse_mapping
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.vault import Purpose, PurposeKeys
from strongroom.wire.addresses import Networks


class IdentitySection(Section, frozen=True, kw_only=True):
    """Other people's issuers, whose tokens are exchanged, and the provider that people sign in with."""

    issuer_networks: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Networks (CIDR) besides the public internet in which issuers may be, such as that of a cluster's API "
                "server; plain HTTP is spoken there alone. Link-local and metadata addresses are refused whatever stands here."
            )
        ),
    ] = ()
    geo_database: Annotated[
        str | None,
        Meta(
            description=(
                "MaxMind DB file (.mmdb) that says in which country an address is, and whose network; without one no country "
                "is known, and a key that is bound to countries is refused."
            )
        ),
    ] = None
    dpop_nonces: Annotated[
        Literal["off", "control", "all"] | None,
        Meta(
            description=(
                "Where proofs of possession (DPoP) need a nonce that the server gave within five minutes: `off`, at the `control` "
                "port, or at `all` ports. Unset: at the control port in production, nowhere in development."
            )
        ),
    ] = None
    sso_issuer: Annotated[
        str | None,
        Meta(description="OpenID Connect provider that people sign in to the console with, as its tokens name it."),
    ] = None
    sso_client_id: Annotated[str | None, Meta(description="What Strongroom is called there.")] = None
    sso_client_secret_file: Annotated[
        str | None, Meta(description="File with its secret there; unset: a public client, which PKCE alone protects.")
    ] = None
    sso_public_url: Annotated[
        str | None,
        Meta(
            description="Where browsers reach the console; the provider sends them back to /sign-in/sso/callback below it."
        ),
    ] = None
    sso_ca_file: Annotated[
        str | None, Meta(description="PEM file of the authorities to trust for the provider instead of the system's.")
    ] = None
    sso_people: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Who is what, the first that fits: `CLAIM=VALUE -> ROLE [TENANT] [until YYYY-MM-DD]`, such as "
                "`groups=platform -> operator`. Roles are operator, approver, tenant-admin, auditor and tenant-auditor; "
                "auditors need an end. Who fits none stays out."
            )
        ),
    ] = ()
    sso_session_minutes: Annotated[
        int, Meta(ge=5, le=480, description="How long a session lasts that began at the provider.")
    ] = 60
    sso_recheck_minutes: Annotated[
        int,
        Meta(
            ge=0,
            le=60,
            description=(
                "How often the provider is asked again whether people are still who they were when they signed in, by a refresh "
                "token (`offline_access`); who left a group is out by then. Who came without one is let in for no longer. 0: never."
            ),
        ),
    ] = 0
    sso_device_codes: Annotated[
        bool,
        Meta(
            description=(
                "Sign command lines in on machines without a browser, by a word that a person types into the console. Whoever can "
                "talk somebody into typing theirs gets in: leave it off where people's machines have browsers."
            )
        ),
    ] = False
    sso_only: Annotated[
        bool, Meta(description="Close the console to tokens: they are for the first start, and for the command line.")
    ] = False


def check_networks(name: str, networks: tuple[str, ...]) -> None:
    """Refuse what is no network.

    Raises:
        SettingsError: naming the setting.
    """
    try:
        Networks(networks)
    except ValueError as error:
        raise SettingsError(f"`{name}`: {error}") from None


def check_identity(section: IdentitySection) -> None:
    """Refuse what no single value shows to be wrong.

    Raises:
        SettingsError: naming the setting.
    """
    given = {
        "sso_issuer": section.sso_issuer,
        "sso_client_id": section.sso_client_id,
        "sso_public_url": section.sso_public_url,
    }
    missing = [name for name, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        raise SettingsError(
            f"`identity.{missing[0]}` is missing: single sign-on needs issuer, client id and public URL"
        )
    if missing and (section.sso_people or section.sso_only):
        raise SettingsError("`identity.sso_people` and `identity.sso_only` need `identity.sso_issuer`")
    if section.sso_public_url is not None and not section.sso_public_url.startswith(
        ("https://", "http://127.0.0.1", "http://localhost")
    ):
        raise SettingsError("`identity.sso_public_url`: https://HOST; plain HTTP is for loopback only")
    for text in section.sso_people:
        try:
            parse_mapping(text)
        except MappingError as error:
            raise SettingsError(f"`identity.sso_people`: `{text}`: {error}") from None


def provider(section: IdentitySection, secret: str | None, ca: str | None) -> Provider | None:
    """Return the provider that the settings name, if they name one."""
    if section.sso_issuer is None or section.sso_client_id is None or section.sso_public_url is None:
        return None
    return Provider(
        issuer=section.sso_issuer,
        client_id=section.sso_client_id,
        client_secret=secret,
        public_url=section.sso_public_url,
        mappings=[parse_mapping(text) for text in section.sso_people],
        session_s=60.0 * section.sso_session_minutes,
        ca=ca,
        devices=section.sso_device_codes,
        recheck_s=60.0 * section.sso_recheck_minutes,
    )


def proof_nonces(
    section: IdentitySection, keys: PurposeKeys, port: Literal["control", "all"], *, production: bool
) -> ProofNonces | None:
    """Return what gives nonces at the control port, or at `all` of them; None where none are wanted."""
    where = section.dpop_nonces or ("control" if production else "off")
    return ProofNonces(list(keys.versions(Purpose.DPOP_NONCE).values())) if where in {port, "all"} else None
