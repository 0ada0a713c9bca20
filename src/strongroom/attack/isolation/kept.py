"""Cases 40, 42 and 45: what is kept of B's answers, and the words by which an engine would reach into B's cache.

There is no cache of answers here. What is kept between requests is what a workload asks to have kept, by its own id.
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.attack.attempt import NOT_FOUND, OK, Attempt, question
from strongroom.attack.http import Answer, Line
from strongroom.attack.target import Key, Target
from strongroom.attack.verdict import Notes, case

_RESPONSES: Final = "/v1/responses"
_BAD: Final = 400
_VERSION: Final = {"anthropic-version": "2023-06-01"}
_NOBODYS: Final = "resp_" + "0" * 32


@case(40, "an answer that was kept for B, and B's prompt again")
def kept_answers(target: Target, notes: Notes) -> None:
    """Find, drop and go on from what B had kept, as A, as another workload and in another environment."""
    at, a, b = Attempt(target, notes), target.a, target.b
    theirs = _keep(at, b.dev, b.own, f"Say {target.canary}.")
    own = _keep(at, a.dev, target.chat, "Say one word.")
    for key, guess in ((a.dev, theirs), (a.evaluator, theirs), (a.evaluator, own), (a.keys["prod"], own)):
        for method in ("GET", "DELETE"):
            answer = at.data_plane(method, f"{_RESPONSES}/{guess}", key)
            at.refused(answer, f"{method} what another had kept")
            at.same(answer, at.data_plane(method, f"{_RESPONSES}/{_NOBODYS}", key), f"{method} what another had kept")
            at.logged(answer, f"{method} what another had kept")
        answer = at.data_plane("POST", _RESPONSES, key, data=_on_from(target.chat, guess))
        nobodys = at.data_plane("POST", _RESPONSES, key, data=_on_from(target.chat, _NOBODYS))
        at.refused(answer, "going on from what another had kept", NOT_FOUND)
        at.same(answer, nobodys, "going on from what another had kept")
    with Line(target.gateway) as line:
        found = line.ask("GET", f"{_RESPONSES}/{theirs}", key=b.dev.secret)
        notes.hold(found.status == OK, f"control: B cannot find what it had kept: {found.status}")
        gone = line.ask("DELETE", f"{_RESPONSES}/{theirs}", key=b.dev.secret)
        notes.hold(gone.status == OK, f"control: B cannot drop what it had kept: {gone.status}")


@case(42, "a caller's own cache salt, slot and word on caching")
def cache_words(target: Target, notes: Notes) -> None:
    """Say to every endpoint what would make an engine share or choose a cache: each is refused by its name."""
    _own_words(target, notes, {"cache_salt": target.b.id, "id_slot": 0, "cache_prompt": True, "prompt_cache_salt": "x"})


@case(45, "an adapter's name in a request")
def adapters(target: Target, notes: Notes) -> None:
    """Name adapters in every way that engines know: none has a name here, and no model's name leads to one."""
    at, a, b = Attempt(target, notes), target.a, target.b
    _own_words(target, notes, {"lora": [{"id": 0, "scale": 1.0}], "lora_request": {"name": "x"}, "adapter": "x"})
    missing = at.data_plane("POST", "/v1/chat/completions", data=question("nothing"))
    for model in (f"{target.chat}:{b.name}", f"{target.chat}@{b.id}", f"{target.chat}/{b.own}"):
        at.same(missing, at.data_plane("POST", "/v1/chat/completions", data=question(model)), "an adapter in a name")
    at.works(a.dev, target.chat, "A asks its model without one")
    at.works(b.dev, b.own, "B asks its own")


def _own_words(target: Target, notes: Notes, words: dict[str, Any]) -> None:
    at = Attempt(target, notes)
    for path, body, fields in _endpoints(target):
        for word, value in words.items():
            answer = at.data_plane("POST", path, data={**body, word: value}, fields=fields)
            at.refused(answer, f"{word} at {path}", _BAD)
            notes.hold(word.encode() in answer.body, f"{word} at {path}: the refusal does not name it")
        notes.hold(at.data_plane("POST", path, data=body, fields=fields).status == OK, f"control: {path} without it")


def _endpoints(target: Target) -> tuple[tuple[str, dict[str, Any], dict[str, str]], ...]:
    chat = question(target.chat)
    return (
        ("/v1/chat/completions", chat, {}),
        ("/v1/completions", {"model": target.chat, "prompt": "x", "max_tokens": 1}, {}),
        (_RESPONSES, {"model": target.chat, "input": "x", "max_output_tokens": 1}, {}),
        ("/v1/messages", chat, _VERSION),
        ("/v1/embeddings", {"model": target.embedding, "input": "x"}, {}),
    )


def _keep(at: Attempt, key: Key, model: str, text: str) -> str:
    """Have an answer kept, and return its id."""
    with Line(at.target.gateway) as line:
        body = {"model": model, "input": text, "max_output_tokens": 1, "store": True}
        answer: Answer = line.ask("POST", _RESPONSES, key=key.secret, data=body)
    at.notes.hold(answer.status == OK, f"control: an answer cannot be kept: {answer.status}")
    identifier: str = answer.json()["id"] if answer.status == OK else _NOBODYS
    return identifier


def _on_from(model: str, response: str) -> dict[str, Any]:
    return {"model": model, "input": "x", "max_output_tokens": 1, "previous_response_id": response}
