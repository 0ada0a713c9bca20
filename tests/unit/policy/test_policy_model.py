"""Verbs and resources as values."""

from __future__ import annotations

from uuid import UUID

import pytest

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment
from strongroom.policy import KNOWN_BY, Action, Ask, Kind, Resource

ACME = TenantId(UUID("0198c000-0000-7000-8000-000000000001"))


def test_every_verb_says_what_it_means() -> None:
    for action in Action:
        assert action.meaning.endswith(".")
        assert action.meaning[0].isupper()
        assert Action(action.value) is action


def test_every_kind_says_who_may_know_of_it() -> None:
    assert set(KNOWN_BY) == set(Kind)
    for kind, verbs in KNOWN_BY.items():
        assert all(verb.kind is kind for verb in verbs)


def test_a_resource_reads_as_a_path() -> None:
    key = Resource(kind=Kind.KEY, id="0123456789abcdef", tenant=ACME, environment=Environment.PROD)
    assert str(key) == f"tenant/{ACME}/prod/key/0123456789abcdef"
    assert str(Resource(kind=Kind.WORKLOAD, tenant=ACME)) == f"tenant/{ACME}/workload/*"
    assert str(Resource(kind=Kind.TENANT)) == "installation/tenant/*"


@pytest.mark.parametrize(
    "bad",
    ["", "a/b", "..\\", "a b", "a\nb", "srk_inf_prod_x", "%2f", "é", "**", "a" * 129, "a\x00"],
)
def test_an_id_that_could_mean_two_things_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="resource id"):
        Resource(kind=Kind.KEY, id=bad, tenant=ACME)


def test_an_id_may_be_a_uuid_a_name_a_key_id_or_a_digest() -> None:
    for good in (str(ACME), "smollm2-135m", "0123456789abcdef", f"sha256:{'0' * 64}", "a.b"):
        assert Resource(kind=Kind.KEY, id=good).id == good


def test_the_installation_is_no_tenant() -> None:
    with pytest.raises(ValueError, match="no tenant"):
        Resource(kind=Kind.KEY, tenant=PLATFORM)


def test_an_environment_needs_a_tenant() -> None:
    with pytest.raises(ValueError, match="belongs to a tenant"):
        Resource(kind=Kind.KEY, environment=Environment.DEV)


def test_an_ask_takes_no_secret() -> None:
    with pytest.raises(ValueError, match="looks like a key"):
        Ask(detail={"label": "my srk_inf_prod_0123456789abcdef_xyz"})
    assert Ask(request_id="r", detail={"label": "mine"}).detail == {"label": "mine"}
