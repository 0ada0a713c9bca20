"""What can be done with system prompts: add, read, approve, and be demanded by a deployment."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource, Surface
from strongroom.registry.admission.judge import counted
from strongroom.registry.admission.model import APPROVALS, Reason, Risk, Standing
from strongroom.registry.admission.signed import MAX_DAYS, Approvals
from strongroom.registry.admission.statements import Terms
from strongroom.registry.prompts import tables
from strongroom.registry.prompts.model import (
    MAX_BYTES,
    BadPrompt,
    Destroyed,
    Kept,
    Listed,
    PinnedDocument,
    Prompt,
    Shown,
    secrets_in,
    subject_of,
)
from strongroom.registry.prompts.seals import PromptSeals
from strongroom.store import Conflict, TenantTx
from strongroom.vault import VaultUnavailable

MOST: Final = 1000
"""How many versions of prompts a tenant may have."""

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}")
_MOST_REASON: Final = 1000


class Prompts:
    """The system prompts of tenants."""

    def __init__(self, gate: Gate, approvals: Approvals, seals: PromptSeals, clock: Clock) -> None:
        self._gate = gate
        self.approvals: Final = approvals
        self.seals: Final = seals
        self._clock = clock

    async def add(self, who: Principal, tenant: TenantId, name: Name, version: str, text: str, ask: Ask) -> Shown:
        """Add a version of a prompt. It may be deployed nowhere until it is approved there.

        Raises:
            Refused: INVALID for a text that holds a secret, is empty or too long; CONFLICT when the version is taken;
                UNAVAILABLE without the vault.
        """
        if _VERSION.fullmatch(version) is None:
            raise Refused(invalid("A version is up to 64 letters, digits, dots, pluses and dashes.", param="version"))
        if not text.strip() or len(text.encode()) > MAX_BYTES or "\x00" in text:
            raise Refused(invalid(f"A prompt has 1 to {MAX_BYTES} bytes of text.", param="text"))
        now = self._clock.now()
        prompt = Prompt(tenant=str(tenant), name=name, version=version, author=who.name, text=text)
        try:
            async with self._gate.permit(who, Action.PROMPT_ADD, resource_of(tenant, name, version), ask) as tx:
                found = secrets_in(text)
                if found:
                    raise Refused(invalid(f"The prompt holds what is secret: {'; '.join(found)}.", param="text"))
                if await tables.count(tx) >= MOST:
                    raise Refused(invalid(f"A tenant has at most {MOST} versions of prompts.", param="name"))
                kept = Kept(
                    digest=prompt.digest, name=name, version=version, author=who.name,
                    sealed=await self._sealed(prompt), size=len(text.encode()), created_at=now,
                )  # fmt: skip
                await tables.insert(tx, kept)
                return await self._shown(tx, kept)
        except Conflict:
            tell = f"There is a prompt {name}@{version} already; a version never changes."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None

    async def list(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Listed]:
        """Return a tenant's prompts, without their texts."""
        async with self._gate.permit(who, Action.PROMPT_LIST, Resource(kind=Kind.PROMPT, tenant=tenant), ask) as tx:
            return [
                Listed(
                    name=each.name, version=each.version, digest=each.digest, author=each.author, size=each.size,
                    created_at=each.created_at,
                )
                for each in await tables.prompts(tx)
            ]  # fmt: skip

    async def show(self, who: Principal, tenant: TenantId, name: Name, version: str, ask: Ask) -> Shown:
        """Return a prompt with its text, and why it may be deployed where.

        Raises:
            Refused: hidden for one that there is not; CONFLICT for one whose row is not what it was, or that is gone with its
                tenant's keys; UNAVAILABLE without the vault.
        """
        async with self._gate.permit(who, Action.PROMPT_READ, resource_of(tenant, name, version), ask) as tx:
            kept = await self._named(tx, name, version)
            await self._gate.taken(tx, who, Surface.PROMPTS, rows=1, octets=kept.size)
            return await self._shown(tx, kept)

    async def approve(
        self,
        who: Principal,
        tenant: TenantId,
        name: Name,
        version: str,
        environment: Environment,
        *,
        days: int,
        reason: str,
        ask: Ask,
        statement: bytes | None = None,
    ) -> Standing:
        """Approve a prompt for an environment, until a day: one person's word, signed by that person's key.

        Args:
            who: the approver.
            tenant: whose prompt.
            name: of the prompt.
            version: of the prompt.
            environment: where it may be deployed.
            days: how long.
            reason: why, in the approver's words.
            ask: the request.
            statement: the approval, signed by the approver's own key; None: the installation signs, by a key that it derives.

        Raises:
            Refused: hidden for a prompt that there is not, FORBIDDEN for its author, INVALID for one that holds a secret
                or is not what it was, or for words and days that cannot be.
        """
        if not 1 <= days <= MAX_DAYS:
            raise Refused(invalid(f"An approval lasts 1 to {MAX_DAYS} days.", param="days"))
        if not reason.strip() or len(reason) > _MOST_REASON:
            raise Refused(invalid("Say why, in up to 1,000 characters.", param="reason"))
        async with self._gate.permit(who, Action.PROMPT_APPROVE, resource_of(tenant, name, version), ask) as tx:
            kept = await self._named(tx, name, version)
            account = await tables.approver(tx, who.name)
            if account is None:
                raise Refused(hidden("an approval by nobody's account"))
            before = await self._standing(tx, kept, environment)
            if not all(each.met for each in before.reasons if each.demand != "approval"):
                raise Refused(invalid(f"It cannot be approved. {before.refusal()}", param="version"))
            if who.name == kept.author:
                tell = "Who wrote a prompt does not approve it."
                raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
            now = self._clock.now()
            terms = Terms(
                approver=who.name,
                environment=environment,
                tenant=str(tenant),
                expires=now + timedelta(days=days),
                reason=reason,
                version=version,
            )
            case = await self.approvals.case(tx, subject_of(kept.digest, kept.name, kept.version))
            made = self.approvals.statement(case, account, terms, statement, "prompt approve")
            await tables.insert_approval(tx, kept.digest, account, made, now)
            return await self._standing(tx, kept, environment)

    async def demand(self, tx: TenantTx, name: str, version: str, environment: Environment) -> Prompt:
        """Return a prompt that may be deployed in `environment` for the transaction's tenant.

        Raises:
            Refused: INVALID for one that the tenant does not have, FORBIDDEN with every reason that is not met.
        """
        kept = await tables.named(tx, name, version)
        if kept is None:
            raise Refused(invalid(f"There is no prompt {name}@{version}.", param="prompt"))
        standing = await self._standing(tx, kept, environment)
        if not standing.may_serve:
            tell = f"The prompt {name}@{version} may not be deployed in {environment}. {standing.refusal()}"
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        return await self._open(tx, kept)

    async def pin(self, prompt: Prompt, environment: Environment, deployment: str) -> PinnedDocument:
        """Return what `demand` returned, sealed to one deployment.

        Raises:
            Refused: UNAVAILABLE without the vault.
        """
        with _told():
            return await self.seals.pinned(prompt, environment, deployment)

    async def text_of(self, tx: TenantTx, digest: str) -> str:
        """Return the text of a pinned prompt, for who compares answers with it.

        Raises:
            Refused: CONFLICT when what is kept is not what it was.
        """
        kept = await tables.by_digest(tx, digest)
        try:
            if kept is None:
                raise BadPrompt("it is gone")
            return (await self._open(tx, kept)).text
        except BadPrompt as error:
            tell = f"The deployment's prompt cannot be read: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None

    async def erase_all(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Erase the texts of a tenant's prompts, as its deletion does; after its deployments were withdrawn."""
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        async with self._gate.permit(who, Action.TENANT_DELETE, resource, ask) as tx:
            await tables.erase(tx, self._clock.now())

    async def _sealed(self, prompt: Prompt) -> bytes:
        with _told():
            return await self.seals.kept(prompt)

    async def _open(self, tx: TenantTx, kept: Kept) -> Prompt:
        """Return what a row holds.

        Raises:
            BadPrompt: when that is not what the row says.
            Refused: UNAVAILABLE without the vault.
        """
        try:
            prompt = await self.seals.open_kept(kept, tx.tenant)
        except VaultUnavailable as error:
            raise _unavailable(error) from None
        if (prompt.name, prompt.version, prompt.author) != (kept.name, kept.version, kept.author):
            raise BadPrompt("its row names another")
        return prompt

    async def _shown(self, tx: TenantTx, kept: Kept) -> Shown:
        try:
            text = (await self._open(tx, kept)).text
        except BadPrompt as error:
            tell = f"The prompt {kept.name}@{kept.version} cannot be shown: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None
        standing = [await self._standing(tx, kept, each) for each in Environment]
        return Shown(
            name=kept.name, version=kept.version, digest=kept.digest, author=kept.author, created_at=kept.created_at,
            text=text, standing=tuple(standing),
        )  # fmt: skip

    async def _standing(self, tx: TenantTx, kept: Kept, environment: Environment) -> Standing:
        """Return whether a prompt may be deployed: from its sealed document and signed statements alone."""
        reasons: list[Reason] = []
        try:
            text = (await self._open(tx, kept)).text
        except BadPrompt as error:
            reasons.append(Reason(demand="document", met=False, because=f"It is not what it was: {error}."))
        else:
            reasons.append(Reason(demand="document", met=True, because="Its text is the one that it is named by."))
            found = secrets_in(text)
            said = f"It holds what is secret: {'; '.join(found)}." if found else "It holds no secret by today's rules."
            reasons.append(Reason(demand="secrets", met=not found, because=said))
        case = await self.approvals.case(tx, subject_of(kept.digest, kept.name, kept.version))
        given = await tables.approvals(tx, kept.digest)
        wanted = APPROVALS[Risk.STANDARD][environment]
        people, left = counted(case, kept.author, environment, str(tx.tenant), given)
        named = f" ({', '.join(sorted(people))})" if people else ""
        said = f"{len(people)} approved it{named}; {environment} demands {wanted} of a prompt."
        if len(people) < wanted:
            said = f"{len(people)} of {wanted} approvals that {environment} demands of a prompt{named}."
        if left and len(people) < wanted:
            said = f"{said} Not counted: {'; '.join(sorted(left))}."
        reasons.append(Reason(demand="approval", met=len(people) >= wanted, because=said))
        return Standing(
            environment=environment,
            tenant=str(tx.tenant),
            may_serve=all(each.met for each in reasons),
            reasons=tuple(reasons),
        )

    async def _named(self, tx: TenantTx, name: str, version: str) -> Kept:
        kept = await tables.named(tx, name, version)
        if kept is None:
            raise Refused(hidden(f"no prompt {name}@{version}"))
        return kept


@contextmanager
def _told() -> Generator[None]:
    """Tell as an answer why nothing could be sealed."""
    try:
        yield
    except VaultUnavailable as error:
        raise _unavailable(error) from None
    except Destroyed:
        tell = "This tenant's keys were destroyed: nothing more can be sealed for it."
        raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None


def _unavailable(error: VaultUnavailable) -> Refused:
    tell = "The vault that has the keys of system prompts cannot be asked now. Try again; `strongroom doctor` says what it lacks."
    return Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"the vault: {error}", tell=tell))


def resource_of(tenant: TenantId, name: str, version: str) -> Resource:
    """Return what the log calls a prompt: a resource's id takes letters, digits, dots, colons and dashes."""
    identifier = ":".join(re.sub(r"[^A-Za-z0-9.-]", "-", each) for each in (name, version))[:128]
    return Resource(kind=Kind.PROMPT, id=identifier, tenant=tenant)
