"""What a case is and what it says: a number of `isolation-tests`, a title, whether the walls held, what was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from strongroom.attack.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one case.

    Attributes:
        case: its number.
        title: what was tried.
        passed: whether every wall held and every rightful owner was served.
        seen: what was wrong when it has not passed, else what was established.
    """

    case: int
    title: str
    passed: bool
    seen: tuple[str, ...]


@dataclass(slots=True)
class Notes:
    """What a case writes down while it goes on."""

    wrong: list[str] = field(default_factory=list[str])
    established: list[str] = field(default_factory=list[str])

    def hold(self, truth: bool, otherwise: str) -> None:
        """Note `otherwise` when `truth` is not so."""
        if not truth:
            self.wrong.append(otherwise)

    def say(self, what: str) -> None:
        """Note a finding that is not wrong."""
        self.established.append(what)


Attack: TypeAlias = Callable[[Target, Notes], None]


@dataclass(frozen=True, slots=True)
class Case:
    """An attack that can be carried out on a target."""

    number: int
    title: str
    attack: Attack

    def __call__(self, target: Target) -> Verdict:
        """Carry it out."""
        notes = Notes()
        try:
            self.attack(target, notes)
        except Exception as error:  # noqa: BLE001 - whatever stopped it, it has proved nothing
            # The text of an exception may quote a credential; its kind does not.
            notes.wrong.append(f"could not be carried out: {type(error).__name__} in {_place(error)}")
        passed = not notes.wrong
        seen = notes.established if passed else notes.wrong
        return Verdict(case=self.number, title=self.title, passed=passed, seen=tuple(seen))


def case(number: int, title: str) -> Callable[[Attack], Case]:
    """Make a case of an attack."""
    return lambda attack: Case(number, title, attack)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
