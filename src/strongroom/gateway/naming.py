"""About whom a request is: said by its caller, and known here by a keyed pseudonym alone.

Always true here:
- what the caller says goes no further than this: not to the model, not into a record, not into a log;
- the pseudonym is an HMAC under the tenant's own key (`vault`): another tenant's for the same person differs, and without the
  key nobody can test a name;
- a request that names somebody is answered only when the pseudonym can be made: what cannot be linked could not be erased.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec import structs

from strongroom.gateway.stages import Admitted
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid
from strongroom.vault import KeysDestroyed, Scope, Use, Vault, VaultUnavailable, is_subject

HEADER: Final = b"strongroom-subject"
"""Names a request's subject in every dialect, and counts before a dialect's own field."""

LONGEST: Final = 256


async def named(admitted: Admitted, vault: Vault | None) -> Admitted | Refusal:
    """Return the request with its subject's pseudonym; as it was, when it names nobody."""
    said = admitted.authenticated.received.request.header(HEADER)
    name = admitted.decoded.subject if said is None else _text(said)
    if isinstance(name, Refusal):
        return name
    tenant = admitted.authenticated.principal.tenant
    if not name or tenant is None:
        return admitted
    if is_subject(name):  # else one could name people as nobody finds them: it would be the pseudonym of a pseudonym
        return invalid("A subject is named as you know them, not by a pseudonym (`sub_…`).", param=HEADER.decode())
    if vault is None:
        return _away("no vault here")
    try:
        keys = await vault.keys(Scope(tenant, Use.SUBJECT_NAME))
    except (VaultUnavailable, KeysDestroyed) as error:
        return _away(str(error))
    return structs.replace(admitted, subject=keys.pseudonym(name))


def _text(said: bytes) -> str | Refusal:
    name = HEADER.decode()
    try:
        text = said.decode("utf-8").strip()
    except UnicodeDecodeError:
        return invalid(f"`{name}` is not UTF-8.", param=name)
    if not 0 < len(text) <= LONGEST or not text.isprintable():
        return invalid(f"`{name}` is 1 to {LONGEST} printable characters.", param=name)
    return text


def _away(why: str) -> Refusal:
    tell = "This request names whose data it is about, and that cannot be recorded at the moment. Try again shortly."
    no = Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"the vault: {why}", tell=tell)
    return replace(no, audited=True)
