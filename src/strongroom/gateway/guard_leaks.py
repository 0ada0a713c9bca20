"""What a guard does besides replacing: watching for what an answer must not give away, and ending one."""

from __future__ import annotations

from typing import Any

from strongroom.canaries import Planted
from strongroom.gateway.exchange.answers import Generation
from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.guard_asks import Asked
from strongroom.gateway.guard_looks import CODE, Finder
from strongroom.gateway.leaks import LeakWatch, has_instructions, watch
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.privacy import Leak


class Watched(Asked):
    """Looks at one ask, and may have its answer watched."""

    __slots__ = ("leaks", "word")

    leaks: LeakWatch | None
    word: str
    """The canary that belongs into the instructions of this request."""

    def watch(self, ask: Ask, planted: Planted, tenant: TenantId, pinned: str = "") -> None:
        """Watch the answer for what must not come out of it: canaries, and instructions, those that are `pinned` included."""
        rules = self._rules
        self.leaks = watch(ask, planted, rules.canaries, rules.instructions, tenant, pinned)
        if rules.canaries is not Leak.OFF and (pinned or has_instructions(ask)):
            self.word = planted.word

    def echo_long(self, own: Any) -> Any | Refusal:
        """Return what `echo` does, and look up what else takes long in a long ask before its answer begins: for a thread."""
        if self.leaks is not None:
            self.leaks.look_up()
        return self.echo(own)


def says_plainly(answer: Generation, engine: Finder) -> bool:
    """Say whether a whole answer is text alone, in which nothing is to be found: most are."""
    texts: list[str] = []
    for choice in answer.choices:
        if choice.calls or choice.reasoning is not None:
            return False
        texts.append(choice.text or "")
    return engine.quiet("\n".join(texts))


def cut(kind: str) -> Refusal:
    """Return the no to an answer in which something was found that may not leave."""
    return Refusal(
        kind=RefusalKind.FORBIDDEN,
        reason=f"privacy: {kind} in the answer",
        tell="The answer held something that the privacy rules do not let leave. It ends here.",
        code=CODE,
    )
