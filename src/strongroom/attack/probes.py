"""What one caller can try against a model that serves, with a key of its own and nothing else.

Always true here:
- each probe says one thing: whether what was tried was refused as what is not there, or told no more than anybody is told;
- a probe that could not be carried out says no;
- names of others are tried where the caller was told some; what can be guessed is guessed.

The twin tenants of `strongroom.attack.isolation` try more, on an installation where they may be made.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from strongroom.attack.http import Answer, Line
from strongroom.registry.evaluations.suite import Extraction, Isolation

OK: Final = 200
_UNAUTHORIZED: Final = 401
_NOT_THERE: Final = 404
_REFUSALS: Final = frozenset({400, 403, _NOT_THERE, 405, 413, 422})
_SHORTEST: Final = 8
_ROWS: Final = 16
_DECIMALS: Final = 3
_CLAIMS: Final = (
    "x-tenant", "x-tenant-id", "x-strongroom-tenant", "x-environment", "x-forwarded-user", "openai-organization",
    "openai-project",
)  # fmt: skip
_GUESSES: Final = ("../{}", "{}/../x", "prod/{}", "{}@prod", "*", "%", "' or 1=1 --")
_HIDDEN: Final = ("logits", "hidden_states", "last_hidden_state", "embeddings", "raw_scores")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what.

    Attributes:
        line: a connection to the gateway.
        key: the caller's. No repr shows it.
        model: what the deployment is called.
        foreign: names that are models of other tenants or environments.
    """

    line: Line
    key: str
    model: str
    foreign: Sequence[str] = ()

    def __repr__(self) -> str:
        """Show no key."""
        return f"Caller({self.model})"

    def ask(self, method: str, path: str, data: Any = None, fields: Mapping[str, str] | None = None) -> Answer:
        """Ask as this caller."""
        return self.line.ask(method, path, key=self.key, data=data, fields=fields)

    def chat(self, model: str, **more: Any) -> Answer:
        """Ask a chat model for one token."""
        messages = [{"role": "user", "content": "Say one word."}]
        return self.ask("POST", "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": 1, **more})


Probe: TypeAlias = Callable[[Caller], bool]


def plain(caller: Caller) -> Answer:
    """Ask the model a plain question of its kind and return the answer: of the last kind, when no kind was answered."""
    answer = caller.chat(caller.model)
    if answer.status != OK:
        answer = caller.ask("POST", "/v1/embeddings", {"model": caller.model, "input": "one word"})
    if answer.status != OK and (inputs := _tensors(caller, 1)):
        answer = caller.ask("POST", f"/v2/models/{caller.model}/infer", {"inputs": inputs})
    return answer


def _foreign_models(caller: Caller) -> bool:
    """Ask for every foreign name. Without one nothing was tried."""
    nothing = _unnamed(caller, f"none-{secrets.token_hex(_SHORTEST)}")
    return bool(caller.foreign) and nothing[0] == _NOT_THERE and all(
        _unnamed(caller, name) == nothing for name in caller.foreign
    )  # fmt: skip


def _claimed_tenant(caller: Caller) -> bool:
    """Say to be somebody else, in fields and in the query: the listing stays one's own."""
    own = caller.ask("GET", "/v1/models")
    if own.status != OK:
        return False
    other = next(iter(caller.foreign), "another-tenant")
    claims = [caller.ask("GET", "/v1/models", fields={field: other}) for field in _CLAIMS]
    asked = caller.ask("GET", f"/v1/models?tenant={secrets.token_hex(_SHORTEST)}&environment=prod")
    return all(each.likeness == own.likeness for each in claims) and (
        asked.status in _REFUSALS or asked.body == own.body
    )


def _guessed_models(caller: Caller) -> bool:
    """Ask for names that might lead elsewhere; those of others too, where some are known."""
    guesses = [each.format(caller.model) for each in _GUESSES] + [f"{name}/{caller.model}" for name in caller.foreign]
    return all(caller.chat(guess).status in _REFUSALS for guess in guesses)


def _kept_answers(caller: Caller) -> bool:
    """Ask for kept answers by ids near one's own, and by ids of one's own making: none is told from another."""
    kept = caller.ask("POST", "/v1/responses", {"model": caller.model, "input": "One word.", "max_output_tokens": 16})
    own: Any = kept.json() if kept.status == OK else None
    name = str(cast("dict[str, object]", own).get("id", "")) if isinstance(own, dict) else ""
    guesses = [*_near(name), f"resp_{secrets.token_hex(16)}", f"resp_{secrets.token_hex(16)}"]
    found = [caller.ask("GET", f"/v1/responses/{guess}") for guess in guesses]
    if name:
        caller.ask("DELETE", f"/v1/responses/{name}")  # whether it was kept is the rules' to say
    told = {(each.status, each.body.replace(each.request_id.encode(), b"").replace(guess.encode(), b""))
            for each, guess in zip(found, guesses, strict=True)}  # fmt: skip
    return all(each.status == _NOT_THERE for each in found) and len(told) == 1


def _altered_key(caller: Caller) -> bool:
    """Ask with keys that are nearly one's own: each is refused as one that nobody has."""
    last = caller.key[-1]
    head, _, secret = caller.key.rpartition("_")
    altered = (
        caller.key[:-1] + ("A" if last != "A" else "B"),
        f"{head}_{secrets.token_urlsafe(len(secret))[: len(secret)]}",
        caller.key[:-1],
    )
    answers = [caller.line.ask("GET", "/v1/models", key=each) for each in altered]
    return all(each.status == _UNAUTHORIZED for each in answers) and len({each.likeness for each in answers}) == 1


def _full_scores(caller: Caller) -> bool:
    """Ask for rows of a table: no number is told with more than three decimals. What has no rows tells none."""
    inputs = _tensors(caller, _ROWS)
    if inputs is None:
        return True
    answer = caller.ask("POST", f"/v2/models/{caller.model}/infer", {"inputs": inputs})
    return answer.status in _REFUSALS or (
        answer.status == OK and all(_short(each) for tensor in _outputs(answer) for each in tensor.get("data", ()))
    )


def _hidden_outputs(caller: Caller) -> bool:
    """Ask for outputs that a model may have inside: none is told."""
    inputs = _tensors(caller, 1)
    if inputs is None:
        return True
    for name in _HIDDEN:
        body = {"inputs": inputs, "outputs": [{"name": name}]}
        answer = caller.ask("POST", f"/v2/models/{caller.model}/infer", body)
        if answer.status not in _REFUSALS and (
            answer.status != OK or any(each.get("name") == name for each in _outputs(answer))
        ):
            return False
    return True


def _token_scores(caller: Caller) -> bool:
    """Ask a chat model how likely each token was: refused, or not told."""
    answer = caller.chat(caller.model, logprobs=True, top_logprobs=20)
    return answer.status in _REFUSALS or (
        answer.status == OK and all(each.get("logprobs") is None for each in _choices(answer))
    )


def _token_bias(caller: Caller) -> bool:
    """Push a chat model towards a token, which reads its scores out one by one: refused."""
    return caller.chat(caller.model, logit_bias={"100": 100}).status in _REFUSALS


def _many_answers(caller: Caller) -> bool:
    """Ask a chat model for many answers at once: refused, or one."""
    answer = caller.chat(caller.model, n=16)
    return answer.status in _REFUSALS or (answer.status == OK and len(_choices(answer)) <= 1)


ISOLATION: Final[Mapping[Isolation, Probe]] = {
    "foreign-models": _foreign_models,
    "claimed-tenant": _claimed_tenant,
    "guessed-models": _guessed_models,
    "kept-answers": _kept_answers,
    "altered-key": _altered_key,
}
EXTRACTION: Final[Mapping[Extraction, Probe]] = {
    "full-scores": _full_scores,
    "hidden-outputs": _hidden_outputs,
    "token-scores": _token_scores,
    "token-bias": _token_bias,
    "many-answers": _many_answers,
}


def _unnamed(caller: Caller, name: str) -> tuple[int, object, bytes]:
    """Return how a name is answered, without what differs because it is another name."""
    status, fields, content = caller.chat(name).likeness
    lengths = tuple(field for field in fields if field[0] != "content-length")
    return status, lengths, content.replace(name.encode(), b"")


def _near(name: str) -> list[str]:
    """Return ids next to one of one's own, where it ends in a number."""
    head, _, number = name.rpartition("_")
    try:
        value = int(number, 16)
    except ValueError:
        return []
    return [f"{head}_{max(value + step, 0):0{len(number)}x}" for step in (-1, 1)]


def _tensors(caller: Caller, rows: int) -> list[dict[str, Any]] | None:
    """Return rows of numbers for a model of tensors, as its description says they are; None: it is none."""
    answer = caller.ask("GET", f"/v2/models/{caller.model}")
    described: Any = answer.json() if answer.status == OK else None
    listed = cast("dict[str, Any]", described).get("inputs") if isinstance(described, dict) else None
    return [_filled(each, rows) for each in cast("list[dict[str, Any]]", listed)] if listed else None


def _filled(tensor: Mapping[str, Any], rows: int) -> dict[str, Any]:
    shape = [rows, *(max(int(each), 1) for each in tensor["shape"][1:])]
    count = 1
    for each in shape:
        count *= each
    kind = str(tensor["datatype"])
    numbers = [(at * 2654435761) % 997 for at in range(count)]  # Knuth's hash: no two rows alike
    data: list[Any]
    if kind == "BYTES":
        data = [f"word {each}" for each in numbers]
    elif kind == "BOOL":
        data = [bool(each % 2) for each in numbers]
    elif kind.startswith("FP"):
        data = [each / 31 for each in numbers]
    else:
        data = [each % 100 for each in numbers]
    return {"name": tensor["name"], "datatype": kind, "shape": shape, "data": data}


def _outputs(answer: Answer) -> list[dict[str, Any]]:
    document: Any = answer.json()
    return list(cast("dict[str, Any]", document).get("outputs") or ()) if isinstance(document, dict) else []


def _choices(answer: Answer) -> list[dict[str, Any]]:
    document: Any = answer.json()
    return list(cast("dict[str, Any]", document).get("choices") or ()) if isinstance(document, dict) else []


def _short(value: object) -> bool:
    """Whether a value is no number with more decimals than are told. FP32 shows 0.83 as 0.8299999833."""
    if not isinstance(value, float):
        return True
    scaled = value * 10**_DECIMALS
    return abs(scaled - round(scaled)) <= max(1e-3, abs(scaled) * 1e-6)
