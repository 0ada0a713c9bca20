"""An approver's own key approves system prompts and data sets as it does releases: only that, where it is demanded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.functional.identity import test_datasets as sets
from tests.functional.identity import test_prompt_releases as prompts
from tests.functional.identity.test_approvers_keys import MINE, THEIRS, no, register
from tests.functional.identity.test_release_admission import alter

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import RefusalKind
from strongroom.policy import Ask
from strongroom.registry.admission.model import OwnKeys, Subject
from strongroom.registry.admission.statements import Terms, approved
from strongroom.registry.channels.model import RevokedKind
from strongroom.registry.datasets.statements import subject_of as set_subject
from strongroom.registry.prompts.model import subject_of
from strongroom.signatures.keys import SecretKey

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, PROD = Environment.DEV, Environment.PROD
ASK = Ask()
ONE = prompts.ONE


def statement(key: SecretKey, tenant: TenantId, subject: Subject, reason: str = "read it", **more: Any) -> bytes:
    now = SystemClock().now()
    fields: dict[str, Any] = {
        "approver": ONE.name, "environment": DEV, "tenant": str(tenant), "expires": now + timedelta(days=5),
        "reason": reason, "version": subject.version, **more,
    }  # fmt: skip
    return approved(subject, Terms(**fields), now, key)


async def test_a_prompt_is_approved_by_an_own_key_alone_and_not_by_one_that_was_revoked(house: House) -> None:
    acme = await prompts.ready(house)
    service = house.services.prompts
    service.approvals.rule = OwnKeys(demanded=True)
    shown = await service.show(INSTALLER, acme, prompts.DESK, "1", ASK)
    subject = subject_of(shown.digest, "desk", "1")
    await register(house, ONE, MINE)

    async def approve(made: bytes | None, who: Principal = ONE) -> Any:
        return await service.approve(
            who, acme, prompts.DESK, "1", DEV, days=30, reason="read it", ask=ASK, statement=made
        )

    assert "prompt approve --key" in await no(RefusalKind.INVALID, approve(None))
    for made in (
        statement(THEIRS, acme, subject),
        statement(MINE, acme, Subject(digest=subject.digest, name="desk", version="1")),
        statement(MINE, acme, subject, environment=PROD),
        statement(MINE, TenantId(UUID(int=1)), subject),
        b"{}",
    ):
        await no(RefusalKind.INVALID, approve(made))
    await no(RefusalKind.INVALID, approve(statement(MINE, acme, subject), prompts.TWO))
    standing = await approve(statement(MINE, acme, subject))
    assert "1 approved it (first-approver)" in next(e.because for e in standing.reasons if e.demand == "approval")
    assert (await prompts.deploy(house, acme)).prompt == "desk@1"
    await house.services.channels.holds.revoke(INSTALLER, RevokedKind.SIGNER, MINE.public.id, "stolen", ASK)
    after = await service.show(INSTALLER, acme, prompts.DESK, "1", ASK)
    said = next(e.because for e in after.standing[0].reasons if e.demand == "approval")
    assert "by a key that was revoked" in said


async def test_own_keys_count_for_nothing_while_what_is_revoked_cannot_be_told(house: House) -> None:
    acme = await sets.ready(house)
    service = house.services.datasets
    service.approvals.rule = OwnKeys(demanded=True)
    waits = await sets.add(house, acme)
    subject = set_subject(waits.digest, "d", "1")
    await register(house, ONE, MINE)

    async def approve(made: bytes | None) -> Any:
        return await service.approve(ONE, acme, "d", "1", days=30, reason="read it", ask=ASK, statement=made)

    assert "dataset approve --key" in await no(RefusalKind.INVALID, approve(None))
    await no(
        RefusalKind.INVALID, approve(statement(MINE, acme, Subject(digest=waits.digest, name="prompt/d", version="1")))
    )
    assert (await approve(statement(MINE, acme, subject))).usable
    await alter(house, "DELETE FROM registry.channel_metadata WHERE channel = 'revocations'")
    await sets.refused(sets.demanded(house, acme, waits.digest), "0 of 1 approvals", RefusalKind.FORBIDDEN)


async def test_nobody_counts_while_what_is_revoked_cannot_be_told_nor_by_a_derived_key(house: House) -> None:
    acme = await prompts.ready(house)
    service = house.services.prompts
    await service.approve(ONE, acme, prompts.DESK, "1", DEV, days=30, reason="read it", ask=ASK)
    assert (await service.show(INSTALLER, acme, prompts.DESK, "1", ASK)).standing[0].may_serve, "the positive control"
    await alter(
        house, "DELETE FROM registry.channel_metadata WHERE channel = 'revocations'"
    )  # with whose key was stolen
    after = (await service.show(INSTALLER, acme, prompts.DESK, "1", ASK)).standing[0]
    assert not after.may_serve
    assert "what is revoked cannot be told" in next(e.because for e in after.reasons if e.demand == "approval")
