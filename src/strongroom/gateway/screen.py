"""Limits on what may be asked for in any dialect, after policy said that the model may be asked at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from strongroom.gateway.exchange.asks import Ask, ChatAsk, CompletionAsk, CountAsk
from strongroom.kernel.refusal import Refusal, invalid
from strongroom.runtime.schemas import SchemaError, check_schemas

_COMPLETION_TOKENS: Final = 16  # what OpenAI's reference gives a plain completion that names no bound


@dataclass(frozen=True, slots=True, kw_only=True)
class AskLimits:
    """Bounds on one request.

    Attributes:
        max_output_tokens: the most a caller may ask for; more is refused.
        default_output_tokens: what is given to a caller who names no bound (a plain completion gets 16 at most).
        timeout_s: how long an answer may take, from the first byte asked to the last byte answered.
        max_answer_bytes: how long an engine's whole answer may be; it is in memory at once.
    """

    max_output_tokens: int = 4096
    default_output_tokens: int = 1024
    timeout_s: float = 300.0
    max_answer_bytes: int = 64 * 2**20


def bounded(ask: Ask, limits: AskLimits) -> Ask | Refusal:
    """Return `ask` with a bound on its answer, or why it is refused."""
    if isinstance(ask, CountAsk):
        return (_offers(ask) if ask.tools else None) or ask
    if not isinstance(ask, ChatAsk | CompletionAsk):
        return ask
    if isinstance(ask, ChatAsk) and (ask.tools or ask.choice or ask.format) and (no := _tools(ask) or _format(ask)):
        return no
    asked = ask.max_output_tokens
    if asked is None:
        usual = _COMPLETION_TOKENS if isinstance(ask, CompletionAsk) else limits.default_output_tokens
        return replace(ask, max_output_tokens=min(usual, limits.default_output_tokens))
    if asked > limits.max_output_tokens:
        return invalid(f"`max_output_tokens` is at most {limits.max_output_tokens} here.", param="max_output_tokens")
    return ask


def _tools(ask: ChatAsk) -> Refusal | None:
    """Refuse a choice that the offered tools cannot answer to, and parameters that an engine cannot afford."""
    offered = {tool.name for tool in ask.tools}
    if ask.choice is not None:
        if ask.choice.mode == "named" and ask.choice.name not in offered:
            return invalid("`choice` names a tool that `tools` does not offer.", param="choice")
        if ask.choice.mode == "required" and not offered:
            return invalid("`choice` demands a call, but `tools` offers none.", param="choice")
    return _offers(ask)


def _offers(ask: ChatAsk | CountAsk) -> Refusal | None:
    offered = {tool.name for tool in ask.tools}
    if len(offered) < len(ask.tools):
        return invalid("Two tools have the same name.", param="tools")
    return _affordable([tool.parameters for tool in ask.tools if tool.parameters], "tools")


def _format(ask: ChatAsk) -> Refusal | None:
    if ask.format is None or ask.format.kind != "schema":
        return None
    return _affordable([ask.format.schema], "format")


def _affordable(schemas: Iterable[object], param: str) -> Refusal | None:
    """Ask here what a worker asks again, so that a schema it could not bear troubles no worker."""
    try:
        check_schemas(schemas)
    except SchemaError as error:
        return invalid(str(error), param=param)
    return None
