"""What the vault says, as an answer: whoever gets here may know why it does not work."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.vault import KeysDestroyed, VaultUnavailable


@contextmanager
def told() -> Generator[None]:
    """Turn a vault that is away, or a tenant whose keys are gone, into a refusal."""
    try:
        yield
    except VaultUnavailable as error:
        tell = f"The vault: {error}. Nothing was changed."
        raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)) from None
    except KeysDestroyed as error:
        raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=str(error), tell=f"The vault: {error}.")) from None
