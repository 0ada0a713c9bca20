"""From a request of the OpenAI API to an ask in no dialect, or to a refusal that names the field.

What is checked here is form: fields that only go together, values that mean nothing. What may be asked for is checked
after this, on the ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final

import msgspec

from strongroom.gateway.exchange.asks import (
    USUAL,
    CallPart,
    ChatAsk,
    CompletionAsk,
    EmbeddingAsk,
    Format,
    Message,
    ModerationAsk,
    Part,
    ResultPart,
    Role,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from strongroom.gateway.exchange.decode import decode
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded
from strongroom.gateway.openai import requests
from strongroom.gateway.openai.requests import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    ModerationRequest,
    unserved_of_chat,
    unserved_of_completion,
)
from strongroom.kernel.refusal import Refusal, invalid

_CHAT: Final = msgspec.json.Decoder(ChatRequest)
_COMPLETION: Final = msgspec.json.Decoder(CompletionRequest)
_MODERATION: Final = msgspec.json.Decoder(ModerationRequest)
_EMBEDDING: Final = msgspec.json.Decoder(EmbeddingRequest)

_NAMES: Final = {
    "max_output_tokens": "max_tokens",
    "choice": "tool_choice",
    "format": "response_format",
    "reasoning": "reasoning_effort",
    "parallel_calls": "parallel_tool_calls",
    "inputs": "input",
    "encoding": "encoding_format",
}
_NAMES_NEW_BOUND: Final = {**_NAMES, "max_output_tokens": "max_completion_tokens"}
_DRAWN: Final = ("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias")
_drawn: Final = attrgetter(*_DRAWN)
_NOTHING_DRAWN: Final = (None,) * len(_DRAWN)
_ROLES: Final[dict[str, Role]] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def read(endpoint: Endpoint, body: bytes) -> Decoded | Refusal:
    """Return what a request to `endpoint` asks for."""
    return _READ[endpoint](body)


def _chat(told: bytes) -> Decoded | Refusal:
    body = decode(_CHAT, told)
    if isinstance(body, Refusal):
        return body
    no = _form(body, unserved_of_chat(body)) or _chat_form(body)
    if no is not None:
        return no
    ask = ChatAsk(
        model=body.model,
        messages=tuple([_message(message) for message in body.messages]),
        sampling=_sampling(body),
        max_output_tokens=body.max_completion_tokens or body.max_tokens,
        stream=body.stream is True,
        tools=tuple([_tool(tool) for tool in body.tools]) if body.tools else (),
        choice=None if body.tool_choice is None else _choice(body.tool_choice),
        parallel_calls=body.parallel_tool_calls,
        format=None if body.response_format is None else _format(body.response_format),
        n=body.n or 1,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        reasoning=body.reasoning_effort,
    )
    names = _NAMES if body.max_completion_tokens is None else _NAMES_NEW_BOUND
    wants_usage = body.stream_options is not None and _wants_usage(body)
    return Decoded(ask=ask, names=names, wants_usage=wants_usage, subject=body.safety_identifier or body.user or "")


def _completion(told: bytes) -> Decoded | Refusal:
    body = decode(_COMPLETION, told)
    if isinstance(body, Refusal):
        return body
    no = _form(body, unserved_of_completion(body))
    if no is not None:
        return no
    ask = CompletionAsk(
        model=body.model,
        prompt=body.prompt[0] if isinstance(body.prompt, list) else body.prompt,
        sampling=_sampling(body),
        max_output_tokens=body.max_tokens,
        stream=body.stream is True,
        n=body.n or 1,
        # Zero asks for the chosen token's own; it is not false.
        logprobs=None if body.logprobs is None or body.logprobs is False else int(body.logprobs),
    )
    return Decoded(ask=ask, names=_NAMES, wants_usage=_wants_usage(body), subject=body.user or "")


def _moderation(told: bytes) -> Decoded | Refusal:
    body = decode(_MODERATION, told)
    if isinstance(body, Refusal):
        return body
    inputs = (body.input,) if isinstance(body.input, str) else tuple(body.input)
    return Decoded(ask=ModerationAsk(model=body.model, inputs=inputs), names=_NAMES)


def _embedding(told: bytes) -> Decoded | Refusal:
    body = decode(_EMBEDDING, told)
    if isinstance(body, Refusal):
        return body
    parts = [body.input] if isinstance(body.input, str) else body.input
    kinds = {type(part) for part in parts}
    if len(kinds) > 1:
        return invalid("`input` is texts, tokens or lists of tokens, not a mixture.", param="input")
    if not parts or any(part in ("", []) for part in parts):
        return invalid("`input` must not be empty.", param="input")
    if kinds == {str}:
        inputs: tuple[str, ...] | tuple[tuple[int, ...], ...] = tuple(p for p in parts if isinstance(p, str))
    elif kinds == {int}:
        inputs = (tuple(p for p in parts if isinstance(p, int)),)
    else:
        inputs = tuple(tuple(p) for p in parts if isinstance(p, list))
    ask = EmbeddingAsk(
        model=body.model, inputs=inputs, encoding=body.encoding_format or "float", dimensions=body.dimensions
    )
    return Decoded(ask=ask, names=_NAMES, subject=body.user or "")


_READ: Final[dict[Endpoint, Callable[[bytes], Decoded | Refusal]]] = {
    Endpoint.CHAT: _chat,
    Endpoint.COMPLETION: _completion,
    Endpoint.MODERATION: _moderation,
    Endpoint.EMBEDDING: _embedding,
}


def _form(body: ChatRequest | CompletionRequest, unserved: str | None) -> Refusal | None:
    if unserved is not None:
        tell = f"The field `{unserved}` is not supported here with this value. Leave it out."
        return invalid(tell, param=unserved)
    if body.stream_options is not None and not body.stream:
        return invalid("`stream_options` goes with `stream: true` only.", param="stream_options")
    return None


def _chat_form(body: ChatRequest) -> Refusal | None:
    if body.max_completion_tokens is not None and body.max_tokens not in {None, body.max_completion_tokens}:
        return invalid("Give `max_tokens` or `max_completion_tokens`, not both.", param="max_tokens")
    if body.top_logprobs and not body.logprobs:
        return invalid("`top_logprobs` goes with `logprobs: true` only.", param="top_logprobs")
    wanted = body.response_format
    if wanted is not None and wanted.type == "json_schema" and (
        wanted.json_schema is None or wanted.json_schema.schema is None
    ):  # fmt: skip
        return invalid("`json_schema` with a `schema` goes with this type.", param="response_format.json_schema")
    for index, message in enumerate(body.messages):
        if message.role == "tool" and message.tool_call_id is None:
            return invalid("A tool's message names the call that it answers.", param=f"messages[{index}].tool_call_id")
        if message.tool_calls and message.role != "assistant":
            return invalid("Only an assistant's message has calls.", param=f"messages[{index}].tool_calls")
    return None


def _wants_usage(body: ChatRequest | CompletionRequest) -> bool:
    return body.stream_options is not None and body.stream_options.include_usage is True


def _sampling(body: ChatRequest | CompletionRequest) -> Sampling:
    if _drawn(body) == _NOTHING_DRAWN:
        return USUAL
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        stop=() if body.stop is None else (body.stop,) if isinstance(body.stop, str) else tuple(body.stop),
        seed=body.seed,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        logit_bias=body.logit_bias or None,
    )


def _message(message: requests.Message) -> Message:
    content = message.content
    if message.role == "tool":
        text = "".join(_texts(content))
        return Message(role="user", parts=(ResultPart(message.tool_call_id or "", text),), name=message.name)
    if isinstance(content, str) and not message.tool_calls:  # nearly always
        return Message(role=_ROLES[message.role], parts=(TextPart(content),), name=message.name)
    parts: list[Part] = [TextPart(text) for text in _texts(content)]
    parts += [CallPart(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    return Message(role=_ROLES[message.role], parts=tuple(parts), name=message.name)


def _texts(content: str | list[requests.TextPart] | None) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    else:
        for part in content or ():
            yield part.text


def _tool(tool: requests.Tool) -> Tool:
    function = tool.function
    return Tool(
        name=function.name, description=function.description, parameters=function.parameters, strict=function.strict
    )


def _choice(choice: str | requests.ToolChoice) -> ToolChoice:
    if isinstance(choice, requests.ToolChoice):
        return ToolChoice(mode="named", name=choice.function.name)
    return ToolChoice(mode="none" if choice == "none" else "required" if choice == "required" else "auto")


def _format(wanted: requests.ResponseFormat) -> Format:
    if wanted.type == "json_schema" and wanted.json_schema is not None:
        own = wanted.json_schema
        return Format(kind="schema", name=own.name, schema=own.schema, strict=own.strict, description=own.description)
    return Format(kind="json" if wanted.type == "json_object" else "text")
