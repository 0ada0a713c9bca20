"""A tenant's own types beside the registry's: they add to what is found, and take nothing from what its ceiling demands."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from strongroom.gateway.exchange.answers import Choice, Event, Finished, Generation, TextDelta
from strongroom.gateway.exchange.asks import ChatAsk, InferAsk, Message, Tensor, TextPart
from strongroom.gateway.guard import Guard
from strongroom.gateway.guard_looks import rules_of
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal
from strongroom.privacy.actions import Action
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.rules import Level, Standing, Subject
from strongroom.rules.kind import Document
from strongroom.rules.narrower import objection
from strongroom.rules.privacy import PRIVACY, OwnPattern, PrivacyRule
from strongroom.rules.resolve import Held, settle

WHOLE_LINES = OwnPattern(name="all", pattern=r"[ -~]{4,400}")
BADGE = OwnPattern(name="badge", pattern=r"\bBDG-\d{4}\b")
SUBJECT = Subject(environment=Environment.DEV, role="inference", workload="w", key=KeyId("k"), model="m")
SECRETS = ["password: hunter2secret99", "token = xkcd9384jfkdls94jfkdls", "my key is AKIAIOSFODNN7EXAMPLE, keep it"]


def held(level: Level, *rules: PrivacyRule) -> Held[PrivacyRule]:
    return Held(level=level, version=1, digest="d", document=Document(rules=rules))


def ceiling(**actions: Action) -> Standing[PrivacyRule]:
    said = {"secret": Action.BLOCK, "identifier": Action.ALERT, "indirect": Action.ALLOW} | actions
    return Standing(ceiling=held(Level.CEILING, PrivacyRule(input=said, output=said)))


def guard(before: Standing[PrivacyRule], *rules: PrivacyRule, told: Counter[str] | None = None) -> Guard:
    def count(direction: str, kind: str, action: str) -> None:
        if told is not None:
            told[f"{direction} {kind} {action}"] += 1

    terms = settle(PRIVACY, before.with_(Level.OWN, held(Level.OWN, *rules)), SUBJECT)
    return Guard(rules_of(terms), count, lambda: Vault(Tokens(bytes(32))))


def own(**actions: Action) -> PrivacyRule:
    said = {f"custom.{name}": action for name, action in actions.items()}
    return PrivacyRule(patterns=(WHOLE_LINES, BADGE), input=said, output=said)


def asked(made: Guard, *texts: str) -> str | None:
    said = made.ask(ChatAsk(model="m", messages=(Message(role="user", parts=tuple(TextPart(each) for each in texts)),)))
    if isinstance(said, Refusal):
        return None
    assert isinstance(said, ChatAsk)
    return "".join(part.text for part in said.messages[0].parts if isinstance(part, TextPart))


def streamed(made: Guard, text: str, size: int) -> str | None:
    events: list[Event] = [TextDelta(0, text[at : at + size]) for at in range(0, len(text), size)]
    out = ""
    for event in [*events, Finished(0, "stop")]:
        passed = made.events([event])
        if isinstance(passed, Refusal):
            return None
        out += "".join(each.text for each in passed if isinstance(each, TextDelta))
    return out


@pytest.mark.parametrize("secret", SECRETS)
def test_a_type_as_wide_as_a_line_disarms_no_ceiling(secret: str) -> None:
    before, wide = ceiling(), own(all=Action.ALERT)
    half = len(secret) // 2
    assert asked(guard(before, wide), secret) is None
    assert asked(guard(before, wide), secret[:half], secret[half:]) is None, "nor in two parts"
    tensor = Tensor(name="t", datatype="BYTES", shape=(1,), data=[secret])
    assert isinstance(guard(before, wide).ask(InferAsk(model="m", inputs=(tensor,))), Refusal)
    whole = Generation(choices=(Choice(text=f"Yes: {secret}"),))
    assert isinstance(guard(before, wide).answer(whole), Refusal)
    for size, pad in itertools.product((1, 7, 1000), (0, 300)):
        assert (
            streamed(guard(before, wide), f"{'so it is, ' * (pad // 10)}{secret} and so on, as I said.", size) is None
        )


def test_what_a_wide_type_only_alerts_to_passes_and_what_is_masked_in_it_is_masked() -> None:
    told = Counter[str]()
    made = guard(ceiling(identifier=Action.ALERT, email=Action.MASK), own(all=Action.ALERT), told=told)
    assert asked(made, "Is it raining today?") == "Is it raining today?", "the control: it is told, and passes"
    assert told == {"input custom alert": 1}
    assert asked(made, "Write to jane@example.com today") == "[EMAIL]", "the strictest goes for all that overlaps"
    assert streamed(made, "It is raining today, as it was.", 5) == "It is raining today, as it was."


def test_a_token_in_an_answer_hides_nothing_beside_it() -> None:
    made = guard(ceiling(identifier=Action.ALERT, email=Action.TOKENISE), own(all=Action.ALERT))
    token = asked(made, "jane@example.com")
    assert token is not None
    assert token != "jane@example.com"
    assert (
        streamed(made, f"I wrote to {token} today, as you wanted.", 5)
        == "I wrote to jane@example.com today, as you wanted."
    )
    assert streamed(made, f"I wrote to {token} with password: hunter2secret99 in it.", 5) is None


def test_a_type_of_ones_own_that_is_allowed_passes_where_the_ceiling_lets_it() -> None:
    told = Counter[str]()
    text = "badge BDG-1234 of jane@example.com"
    allowed = PrivacyRule(patterns=(BADGE,), input={"custom.badge": Action.ALLOW})
    made = guard(ceiling(identifier=Action.ALLOW, email=Action.MASK), allowed, told=told)
    assert asked(made, text) == "badge BDG-1234 of [EMAIL]"
    assert told == {"input email mask": 1}
    assert asked(guard(ceiling(identifier=Action.MASK), allowed), text) == "badge [CUSTOM.BADGE] of [EMAIL]"


def test_other_types_of_ones_own_are_never_in_force_at_once() -> None:
    before = ceiling()
    wide = before.with_(Level.OWN, held(Level.OWN, own(all=Action.ALERT)))
    assert objection(PRIVACY, Level.OWN, before, wide) is not None, "adding them"
    assert objection(PRIVACY, Level.OWN, wide, before) is not None, "and taking them away"
    more = wide.with_(Level.OWN, held(Level.OWN, own(all=Action.MASK)))
    assert objection(PRIVACY, Level.OWN, wide, more) is None, "the control: a stricter word on the same types"
    blocked = before.with_(Level.OWN, held(Level.OWN, PrivacyRule(input={"identifier": Action.BLOCK})))
    assert objection(PRIVACY, Level.OWN, before, blocked) is None
