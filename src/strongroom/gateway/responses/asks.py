"""From a request of the Responses API to an ask in no dialect, or to a refusal that names the field."""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.gateway.exchange import asks
from strongroom.gateway.exchange.asks import CallPart, ChatAsk, Message, ResultPart, Sampling, TextPart
from strongroom.gateway.exchange.decode import decode
from strongroom.gateway.exchange.ports import Decoded, Turn
from strongroom.gateway.responses.requests import (
    LOGPROBS,
    Contents,
    Format,
    Item,
    ResponsesRequest,
    ToolChoice,
    unserved,
)
from strongroom.kernel.refusal import Refusal, invalid

_RESPONSES: Final = msgspec.json.Decoder(ResponsesRequest)
_BARE: Final = ("", None, None)
_NAMES: Final = {
    "messages": "input",
    "choice": "tool_choice",
    "format": "text",
    "parallel_calls": "parallel_tool_calls",
    "logprobs": "include",
}


def read(body: bytes) -> Decoded | Refusal:
    """Return what a request asks for. What an earlier response holds is put in later, by whoever may look for it."""
    asked = decode(_RESPONSES, body)
    if isinstance(asked, Refusal):
        return asked
    no = _form(asked)
    if no is not None:
        return no
    turn = Turn(instructions=1 if asked.instructions else 0) if asked.store else None
    return Decoded(
        ask=_ask(asked), names=_NAMES, own=asked, previous=asked.previous_response_id, turn=turn,
        subject=asked.safety_identifier or asked.user or "",
    )  # fmt: skip


def _ask(body: ResponsesRequest) -> ChatAsk:
    return ChatAsk(
        model=body.model,
        messages=_messages(body),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        max_output_tokens=body.max_output_tokens,
        stream=body.stream is True,
        tools=tuple(
            asks.Tool(name=tool.name, description=tool.description, parameters=tool.parameters, strict=tool.strict)
            for tool in body.tools or ()
        ),
        choice=_choice(body.tool_choice),
        parallel_calls=body.parallel_tool_calls,
        format=_format(body),
        logprobs=(body.top_logprobs or 0) if LOGPROBS in (body.include or ()) else None,
        reasoning=None if body.reasoning is None else body.reasoning.effort,
    )


def _form(body: ResponsesRequest) -> Refusal | None:
    for field in unserved(body):
        return invalid(f"The field `{field}` is not supported here with this value. Leave it out.", param=field)
    if body.stream_options is not None and not body.stream:
        return invalid("`stream_options` goes with `stream: true` only.", param="stream_options")
    if body.top_logprobs and LOGPROBS not in (body.include or ()):
        return invalid(f"`top_logprobs` goes with `{LOGPROBS}` in `include` only.", param="top_logprobs")
    no = _shapeless(None if body.text is None else body.text.format)
    if no is not None:
        return no
    for index, item in enumerate(body.input if isinstance(body.input, list) else ()):
        if not _whole(item):
            return invalid("The fields of this item do not go together.", param=f"input[{index}]")
    return None


def _shapeless(wanted: Format | None) -> Refusal | None:
    """Return the no to a format with what is another's: the engine would not see it, and it would be kept."""
    if wanted is None:
        return None
    if (wanted.type == "json_schema") != (wanted.schema is not None):
        return invalid("A `schema` goes with the type `json_schema`, and only with it.", param="text.format")
    if wanted.type != "json_schema" and (wanted.name, wanted.description, wanted.strict) != _BARE:
        tell = "`name`, `description` and `strict` go with the type `json_schema` only."
        return invalid(tell, param="text.format")
    return None


def _whole(item: Item) -> bool:
    """Whether an item has the fields of its type, and no other's."""
    message = (item.role, item.content)
    call = (item.name, item.arguments)
    if item.type == "message":
        return None not in message and call == (None, None) and item.call_id is None and item.output is None
    if item.call_id is None or message != (None, None):
        return False
    if item.type == "function_call":
        return None not in call and item.output is None
    return item.output is not None and call == (None, None)


def _messages(body: ResponsesRequest) -> tuple[Message, ...]:
    told = [Message(role="system", parts=(TextPart(body.instructions),))] if body.instructions else []
    if isinstance(body.input, str):
        return (*told, Message(role="user", parts=(TextPart(body.input),)))
    for item in body.input:
        message = _message(item)
        last = told[-1] if told else None
        if last is not None and last.role == message.role and _one_turn(last, message):
            told[-1] = Message(role=last.role, parts=(*last.parts, *message.parts))
        else:
            told.append(message)
    return tuple(told)


def _message(item: Item) -> Message:
    if item.type == "function_call":
        return Message(role="assistant", parts=(CallPart(item.call_id or "", item.name or "", item.arguments or ""),))
    if item.type == "function_call_output":
        text = "".join(part.text for part in _texts(item.output or ""))
        return Message(role="user", parts=(ResultPart(item.call_id or "", text),))
    role = "system" if item.role == "developer" else item.role or "user"
    return Message(role=role, parts=_texts(item.content or ""))


def _one_turn(last: Message, message: Message) -> bool:
    """Whether two items are parts of one turn: what an assistant said and called, what several calls came to."""
    if message.role == "assistant":
        return isinstance(message.parts[0] if message.parts else None, CallPart)
    return all(isinstance(part, ResultPart) for part in (*last.parts, *message.parts))


def _texts(content: Contents) -> tuple[TextPart, ...]:
    return (TextPart(content),) if isinstance(content, str) else tuple(TextPart(part.text) for part in content)


def _choice(choice: str | ToolChoice | None) -> asks.ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, ToolChoice):
        return asks.ToolChoice(mode="named", name=choice.name)
    return asks.ToolChoice(mode="none" if choice == "none" else "required" if choice == "required" else "auto")


def _format(body: ResponsesRequest) -> asks.Format | None:
    wanted = None if body.text is None else body.text.format
    if wanted is None:
        return None
    if wanted.type == "json_schema":
        return asks.Format(
            kind="schema",
            name=wanted.name,
            schema=wanted.schema,
            strict=wanted.strict,
            description=wanted.description,
        )
    return asks.Format(kind="json" if wanted.type == "json_object" else "text")
