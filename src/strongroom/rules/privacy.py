"""What becomes of personal data and secrets in what is asked and answered: the kind `privacy`.

Always true here:
- nobody speaks: secrets and numbers, addresses and codes that point to one person are masked, both ways; names, streets and
  what points to somebody only together with other facts pass, since a model is asked about these all day;
- an action is said for a class (`secret`, `identifier`, `indirect`) or for one type; a type's own word goes before its class's;
- of two words the stricter holds where a tenant's document meets its ceiling: allow, alert, tokenise, mask, block; and where
  findings overlap in a text, the strictest of theirs goes for all of it: a tenant's own type takes nothing from another's word;
- other types of the tenant's own are not shown to take away, so they are never in force at once;
- canaries and a model's own instructions end the answer that they come out in, unless a rule says less;
- a document that cannot be read blocks secrets and masks everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.privacy import CUSTOM, KINDS, Classification, classification
from strongroom.privacy.actions import Action
from strongroom.privacy.custom import VALIDATORS, BadPattern, CustomDetector, CustomPattern
from strongroom.rules.kind import FieldKind
from strongroom.rules.model import DocumentError, Rule

Actions: TypeAlias = dict[str, Action]
CLASSES: Final = tuple(each.value for each in Classification)
STRICTNESS: Final = (Action.ALLOW, Action.ALERT, Action.TOKENISE, Action.MASK, Action.BLOCK)
MAX_PATTERNS: Final = 32


class Reading(StrEnum):
    """Whether a model of names (tier 2) reads what is said, beside patterns and lists."""

    OFF = "off"
    """It does not."""
    ON = "on"
    """It does while it can; what it could not read is counted, and passes by the other tiers' word."""
    KEPT = "kept"
    """As `on`, and what is embedded or kept for a later request is refused unless it was read."""
    REQUIRED = "required"
    """Nothing passes that it has not read."""


READINGS: Final = tuple(Reading)
"""From the loosest to the strictest."""


class Leak(StrEnum):
    """What is done about something that must not come out of an answer; the stricter the later."""

    OFF = "off"
    """Nothing; it is not even looked for."""
    ALERT = "alert"
    """It is told, and the answer goes on."""
    CUT = "cut"
    """The answer ends before it leaves."""


PatternName: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]


class OwnPattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A type of the tenant's own: `custom.NAME`.

    Attributes:
        name: what it is called.
        pattern: in RE2's syntax; letter case does not count.
        validator: what the letters and digits of a match must be.
    """

    name: PatternName
    pattern: Annotated[str, Meta(min_length=1, max_length=500)]
    validator: str = "none"


_PASSING: Final = ("person", "street_address", "username")
_LEAST: Final[Actions] = {
    "secret": Action.MASK,
    "identifier": Action.MASK,
    "indirect": Action.ALLOW,
    **dict.fromkeys(_PASSING, Action.ALLOW),
}
_MOST: Final[Actions] = dict.fromkeys(CLASSES, Action.ALLOW)
_STRICT: Final[Actions] = {"secret": Action.BLOCK, "identifier": Action.MASK, "indirect": Action.MASK}


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of personal data and secrets between one caller and one model. The defaults are the least.

    Attributes:
        input: actions on what is asked, by class or type.
        output: actions on what is answered.
        patterns: types of the tenant's own.
        unchecked: whether what cannot be looked into (lists of tokens) may be sent.
        input_names: whether a model of names reads what is asked.
        output_names: whether it reads what is answered.
        canaries: what is done about a canary in an answer.
        instructions: what is done about an answer that gives away its instructions.
    """

    input: Actions = msgspec.field(default_factory=lambda: dict(_LEAST))
    output: Actions = msgspec.field(default_factory=lambda: dict(_LEAST))
    patterns: tuple[OwnPattern, ...] = ()
    unchecked: bool = True
    input_names: Reading = Reading.OFF
    output_names: Reading = Reading.OFF
    canaries: Leak = Leak.CUT
    instructions: Leak = Leak.CUT


class PrivacyRule(Rule, frozen=True, kw_only=True):
    """One rule of a privacy document; what it does not speak of is left to others."""

    input: dict[str, Action] | None = None
    output: dict[str, Action] | None = None
    patterns: Annotated[tuple[OwnPattern, ...], Meta(max_length=MAX_PATTERNS)] | None = None
    unchecked: bool | None = None
    input_names: Reading | None = None
    output_names: Reading | None = None
    canaries: Leak | None = None
    instructions: Leak | None = None


def action_on(actions: Mapping[str, Action], kind: str) -> Action:
    """Return what becomes of a type."""
    own = actions.get(kind)
    return actions.get(classification(kind).value, Action.MASK) if own is None else own


def stricter(one: Action, other: Action) -> Action:
    """Return the stricter of two actions."""
    return max(one, other, key=STRICTNESS.index)


def strictness(actions: Mapping[str, Action], kind: str) -> int:
    """Return how strict what becomes of a type is; more is stricter."""
    return STRICTNESS.index(action_on(actions, kind))


def more_read(one: Reading, other: Reading) -> Reading:
    """Return the stricter of two readings."""
    return max(one, other, key=READINGS.index)


def _meet(one: Actions, other: Actions) -> Actions:
    names = [*CLASSES, *sorted((one.keys() | other.keys()) - set(CLASSES))]
    met = {name: stricter(_of(one, name), _of(other, name)) for name in names}
    return {name: action for name, action in met.items() if name in CLASSES or action is not met[classification(name)]}


def _of(actions: Actions, name: str) -> Action:
    return actions.get(name, Action.MASK) if name in CLASSES else action_on(actions, name)


def _over(base: Actions, said: Actions) -> Actions:
    """Return `base` with a closer rule's word over it: what is said of a class goes for all of its types."""
    spoken = {name for name in said if name in CLASSES}
    kept = {name: action for name, action in base.items() if name in CLASSES or classification(name) not in spoken}
    return kept | said


def _union(one: tuple[OwnPattern, ...], other: tuple[OwnPattern, ...]) -> tuple[OwnPattern, ...]:
    return tuple(sorted({*one, *other}, key=lambda each: (each.name, each.pattern)))


def _read(which: str) -> Callable[[Reading], str]:
    words = {
        Reading.OFF: "A model of names does not read {}.",
        Reading.ON: "A model of names reads {}, while it can.",
        Reading.KEPT: "A model of names reads {}; nothing is embedded or kept that it has not read.",
        Reading.REQUIRED: "A model of names reads {}; nothing passes that it has not read.",
    }
    return lambda reading: words[reading].format(which)


def _say(which: str) -> Callable[[Actions], str]:
    words = {
        Action.ALLOW: "passes",
        Action.ALERT: "passes and is told",
        Action.TOKENISE: "is replaced by tokens",
        Action.MASK: "is masked",
        Action.BLOCK: "is refused",
    }

    def say(actions: Actions) -> str:
        return f"In {which}: " + ", ".join(f"{name} {words[action]}" for name, action in actions.items()) + "."

    return say


class PrivacyKind(FieldKind[PrivacyRule, Privacy]):
    """The kind `privacy`: actions lie over one another, from the widest rule to the closest."""

    def check_rule(self, rule: PrivacyRule, place: str) -> None:
        """Refuse a type that does not exist, and a pattern that cannot be used."""
        own = {each.name for each in rule.patterns or ()}
        for way, actions in (("input", rule.input), ("output", rule.output)):
            for name in actions or ():
                if name not in CLASSES and name not in KINDS and not name.startswith(CUSTOM):
                    raise DocumentError("There is no such class or type", f"{place}.{way}")
        if len(own) < len(rule.patterns or ()):
            raise DocumentError("Two patterns have the same name", f"{place}.patterns")
        for index, each in enumerate(rule.patterns or ()):
            if each.validator not in VALIDATORS:
                raise DocumentError(f"Validators are {', '.join(VALIDATORS)}", f"{place}.patterns[{index}].validator")
            try:
                CustomDetector([CustomPattern(each.name, each.pattern, each.validator)])
            except BadPattern as error:
                raise DocumentError(str(error).rstrip("."), f"{place}.patterns[{index}].pattern") from None

    def is_narrower(self, old: Privacy, new: Privacy) -> bool:
        """Whether `new` surely allows nothing that `old` does not: what another pattern comes to in a text, nothing here shows."""
        return new.patterns == old.patterns and super().is_narrower(old, new)

    def _decided(self, rules: Sequence[PrivacyRule], name: str, base: Any) -> Any:
        if name in {"unchecked", "input_names", "output_names", "canaries", "instructions"}:
            return super()._decided(rules, name, base)
        speaking = sorted((rule for rule in rules if getattr(rule, name) is not None), key=lambda rule: rule.aim)
        value: Any = base
        for aim in sorted({rule.aim for rule in speaking}):
            alike = [getattr(rule, name) for rule in speaking if rule.aim == aim]
            if name == "patterns":
                for each in alike:
                    value = _union(value, each)
                continue
            said: Actions = {}
            for each in alike:
                said = {key: stricter(said.get(key, action), action) for key, action in {**said, **each}.items()}
                said |= {key: stricter(said[key], action) for key, action in each.items()}
            value = _over(value, said)
        return value


NARROWER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "input": _meet,
    "output": _meet,
    "patterns": _union,
    "unchecked": lambda one, other: one and other,
    "input_names": more_read,
    "output_names": more_read,
    "canaries": lambda one, other: max(one, other, key=tuple(Leak).index),
    "instructions": lambda one, other: max(one, other, key=tuple(Leak).index),
}


def _says(what: str) -> Callable[[Leak], str]:
    words = {
        Leak.OFF: "is not looked for",
        Leak.ALERT: "is told, and the answer goes on",
        Leak.CUT: "ends the answer before it leaves",
    }
    return lambda leak: f"{what} {words[leak]}."


WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "input": _say("what is asked"),
    "output": _say("what is answered"),
    "patterns": lambda value: (
        f"Types of the tenant's own: {', '.join(each.name for each in value)}." if value else "No types of its own."
    ),
    "unchecked": lambda value: (
        "Lists of tokens, which cannot be looked into, may be sent." if value else "Lists of tokens are refused."
    ),
    "input_names": _read("what is asked"),
    "output_names": _read("what is answered"),
    "canaries": _says("A canary in an answer"),
    "instructions": _says("What gives the model's instructions away"),
}

PRIVACY: Final = PrivacyKind(
    "privacy",
    "What becomes of personal data, secrets, canaries and instructions in what is asked and answered.",
    PrivacyRule,
    least=Privacy(),
    most=Privacy(input=dict(_MOST), output=dict(_MOST), canaries=Leak.OFF, instructions=Leak.OFF),
    narrower=NARROWER,
    words=WORDS,
    unreadable=Privacy(input=dict(_STRICT), output=dict(_STRICT), unchecked=False),
)
