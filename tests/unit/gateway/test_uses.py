"""What is noted of keys is bounded whatever their holders send, and holds nothing but a client's name and an address."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from strongroom.gateway.uses import SLOT_S, Uses, family, network_of, plain_agent
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role

WHO = Principal(
    role=Role.INFERENCE,
    name="w",
    credential=KeyId("k" * 16),
    tenant=TenantId(UUID(int=1)),
    environment=Environment.DEV,
    workload=WorkloadId(UUID(int=2)),
)


def test_a_use_is_new_once_an_hour_and_what_it_tells_once() -> None:
    uses = Uses(SystemClock())
    assert uses.note(WHO, "10.0.0.1", "openai/1", 10.0)
    assert not uses.note(WHO, "10.0.0.1", "openai/1", 20.0)
    assert uses.note(WHO, "10.0.0.1", "openai/1", 10.0 + SLOT_S)
    noted, firsts = uses.take()
    assert len(noted) == 2
    assert [(each.kind, each.value) for each in firsts] == [
        ("use", ""), ("network", "10.0.0.0/24"), ("agent", "openai"),
    ]  # fmt: skip
    assert uses.take() == ([], [])


def test_a_holder_cannot_make_it_note_without_bound() -> None:
    uses = Uses(SystemClock())
    for number in range(1_000):
        uses.note(WHO, f"10.0.{number % 250}.1", f"agent-{number}/1", 10.0)
    noted, firsts = uses.take()
    assert len(noted) == 65
    assert noted[-1].address == noted[-1].agent == "(more)"
    assert len(firsts) < 200


def test_nobody_but_a_workload_is_noted() -> None:
    uses = Uses(SystemClock())
    operator = replace(WHO, role=Role.OPERATOR, tenant=None, environment=None, workload=None)
    assert not uses.note(operator, "10.0.0.1", "curl", 10.0)
    assert not uses.note(replace(WHO, role=Role.DELIVERY), "10.0.0.1", "curl", 10.0)
    assert uses.take() == ([], [])


def test_a_scope_is_told_once() -> None:
    uses = Uses(SystemClock())
    assert [uses.scope(WHO, each, 0.0) for each in ("chat tiny", "chat tiny", "embeddings vectors")] == [
        True,
        False,
        True,
    ]


def test_a_successor_is_known_once_it_was_used() -> None:
    uses, old = Uses(SystemClock()), replace(WHO, replaced_by=KeyId("n" * 16))
    assert not uses.superseded(old)
    uses.note(replace(WHO, credential=KeyId("n" * 16)), "10.0.0.1", "curl", 10.0)
    assert uses.superseded(old)
    assert not uses.superseded(WHO)


def test_what_could_not_be_written_is_kept() -> None:
    uses = Uses(SystemClock())
    uses.note(WHO, "10.0.0.1", "curl", 10.0)
    taken = uses.take()
    uses.give_back(*taken)
    assert uses.take() == taken


@pytest.mark.parametrize(
    ("text", "plain", "kind"),
    [
        ("OpenAI/Python 2.1.0", "OpenAI/Python", "OpenAI"),
        ("curl/8.5.0", "curl/8.5.0", "curl"),
        ("", "", ""),
        ("\x00\x1b[31m", "", ""),
        (" my secret prompt", "", ""),
        ("é" * 40, "", ""),
        ("a" * 300, "a" * 64, "a" * 64),
    ],
)
def test_of_an_agent_its_first_word_is_kept(text: str, plain: str, kind: str) -> None:
    assert (plain_agent(text), family(text)) == (plain, kind)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.0/24"),
        ("::ffff:10.1.2.3", "10.1.2.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("", ""),
        ("unix", ""),
    ],
)
def test_a_network_is_told_by_its_first_part(address: str, network: str) -> None:
    assert network_of(address) == network
