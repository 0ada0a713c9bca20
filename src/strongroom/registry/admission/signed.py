"""How an approval is signed and which counts, the same for releases, system prompts and data sets.

Always true here:
- an approver's own key counts where it was registered, had not ended when the approval came, and is not revoked; while what is
  revoked cannot be told, nobody's counts, nor one that is derived;
- what came signed is taken only for just what was asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refused, invalid
from strongroom.registry import dsse
from strongroom.registry.admission import tables
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import OwnKeys, Subject
from strongroom.registry.admission.ownkeys import Receipt, received
from strongroom.registry.admission.statements import Terms, approved, read_approval
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Channel, Content
from strongroom.registry.channels.reader import Reader
from strongroom.store import OperatorTx, TenantTx

MAX_DAYS: Final = 400


class Approvals:
    """Makes and takes approvals."""

    def __init__(self, keys: RegistryKeys, clock: Clock, reader: Reader, rule: OwnKeys) -> None:
        """Make it.

        Args:
            keys: the installation's.
            clock: says when one came.
            reader: tells what is revoked.
            rule: whose keys count.
        """
        self._keys: Final = keys
        self._clock: Final = clock
        self._reader: Final = reader
        self.rule = rule

    async def case(self, tx: OperatorTx | TenantTx, subject: Subject) -> Case:
        """Return what judging the approvals of something takes that is no release."""
        own = await tables.own_keys(tx, self._keys)
        revocations: Content | Untrusted
        try:
            revocations = (await self._reader.open(tx, Channel.REVOCATIONS)).content
        except Untrusted as error:
            revocations = error
        people, now = await tables.approvers(tx), self._clock.now()
        return Case(subject, (), people, self._keys, "", now, revocations=revocations, own=own, rule=self.rule)

    def statement(self, case: Case, account: UUID, terms: Terms, signed: bytes | None, command: str) -> bytes:
        """Return an approval as it is kept.

        Args:
            case: what is approved, and whose keys count.
            account: the approver's.
            terms: what was asked.
            signed: the approval as the approver signed it; None: a key that is derived for the account signs.
            command: how one approves with a key of one's own, for who must.

        Raises:
            Refused: INVALID when a key of one's own is demanded, or what came is not just what was asked.
        """
        now = self._clock.now()
        if signed is not None:
            return self._taken(case, account, terms, signed, now)
        if case.rule.demanded:
            tell = f"Approve with your own key here: `strongroom approver key add`, then `{command} --key FILE`."
            raise Refused(invalid(tell, param="statement"))
        return approved(case.subject, terms, now, self._keys.approver(account))

    def _taken(self, case: Case, account: UUID, wanted: Terms, statement: bytes, now: datetime) -> bytes:
        """Return the receipt of an approval that its approver signed, for just what was asked."""
        living = [
            each.public
            for each in case.own.get(account, ())
            if not isinstance(case.revocations, Untrusted)
            and now < each.expires
            and case.revoked_signer(each.public.id) is None
        ]
        try:
            found, _ = read_approval(statement, living)
        except dsse.BadEnvelope:
            tell = "No living key that you have registered signed this. `strongroom approver key list` shows them."
            raise Refused(invalid(tell, param="statement")) from None
        said = msgspec.structs.replace(found.terms, expires=wanted.expires)
        if found.subject != case.subject or said != wanted:
            raise Refused(invalid("What was signed is not what is asked for.", param="statement"))
        if not now < found.terms.expires <= now + timedelta(days=MAX_DAYS):
            raise Refused(invalid(f"An approval lasts 1 to {MAX_DAYS} days.", param="statement"))
        return received(Receipt(account=account, received=now, statement=statement), self._keys.registrar())
