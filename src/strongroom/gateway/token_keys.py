"""Keys of tokens in the place of personal data: the tenant's own, so that its end is the end of its tokens.

Always true here:
- a token's key hangs from the key of the tenant, or of the person whom the request names: once that is destroyed no token can be
  made, tested or put back, in a restored backup as little as here;
- it is one key an environment and workload, and does not change when the tenant's keys are renewed: tokens of before stay what they are;
- what tokens stand for is kept with a conversation that is kept, sealed for that conversation, and nowhere else;
- a keystore that cannot be asked is a no: nothing is told of which it is not known what to put in its place.
"""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.vault import DataKeys, KeysDestroyed, Scope, SealBroken, Use, VaultUnavailable
from strongroom.vault import Vault as Keys

_KEY = "token"


class TokenKeys:
    """Opens and closes the vaults of requests' tokens. One event loop."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def open(self, who: Principal, subject: str = "", previous: str = "", sealed: bytes = b"") -> Vault | Refusal:
        """Return the vault of one request.

        Args:
            who: asks.
            subject: the pseudonym of whose data it is about, or nothing.
            previous: the kept response that the request goes on from, or nothing.
            sealed: what tokens of that conversation stand for, as it was kept.
        """
        keys = await self._open(who, subject)
        if isinstance(keys, Refusal):
            return keys
        vault = Vault(Tokens(keys.derived(_KEY, str(who.workload))))
        if sealed:
            try:
                plain = keys.unseal(sealed, str(who.workload), previous)
                vault.remember(msgspec.json.decode(plain, type=dict[str, str]))
            except (SealBroken, msgspec.MsgspecError):
                pass  # of keys that are gone, or another conversation's: its tokens are text like any other
        return vault

    async def seal(self, who: Principal, subject: str, response: str, vault: Vault) -> bytes | Refusal:
        """Return what the tokens of a conversation stand for, for it alone to open."""
        keys = await self._open(who, subject)
        if isinstance(keys, Refusal):
            return keys
        return keys.seal(msgspec.json.encode(vault.known()), str(who.workload), response)

    async def of_lists(self, who: Principal) -> DataKeys | Refusal:
        """Return what the tenant's own lists are looked up with."""
        if who.tenant is None:
            return _away("nobody's lists")
        try:
            return await self._keys.keys(Scope(who.tenant, Use.VALUE_LIST))
        except (VaultUnavailable, KeysDestroyed) as error:
            return _away(str(error))

    async def _open(self, who: Principal, subject: str) -> DataKeys | Refusal:
        if who.tenant is None:
            return _away("nobody's tokens")
        try:
            return await self._keys.keys(Scope(who.tenant, Use.PRIVACY_TOKEN, who.environment, subject))
        except (VaultUnavailable, KeysDestroyed) as error:
            return _away(str(error))


def _away(why: str) -> Refusal:
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason=f"privacy: no key for tokens or lists: {why}",
        tell="The privacy rules need a key for tokens or lists that cannot be had now. Try again later.",
        code="privacy_unavailable",
    )


NO_LISTS: Final = _away("nothing here opens lists")
