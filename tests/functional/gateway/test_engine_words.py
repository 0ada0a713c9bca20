"""Isolation test 62, through the gateway: what engines tell or do for anybody who asks never reaches one, with a key or without.

The same doors on a worker's own socket: `tests/isolation/workers/test_engine_doors.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

DOORS = (
    # llama.cpp's server
    "/", "/index.html", "/slots", "/slots/0?action=save", "/metrics", "/props", "/lora-adapters", "/completion", "/infill",
    "/tokenize", "/detokenize", "/apply-template", "/embedding", "/reranking", "/models", "/models/load", "/models/unload",
    "/shutdown", "/api/chat", "/api/show", "/tools", "/cors-proxy", "/health",
    # our workers' own, and other engines' below /v1
    "/v1/identity", "/v1/internal/model/load", "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/rerank", "/v1/tokenize",
    "/sleep", "/wake_up", "/reset_prefix_cache", "/server_info", "/collective_rpc", "/update_weights",
    # Triton and KServe
    "/v2/repository/index", "/v2/repository/models/rows/load", "/v2/repository/models/rows/unload", "/v2/logging",
    "/v2/systemsharedmemory/status", "/v2/systemsharedmemory/region/x/register", "/v2/cudasharedmemory/status",
    "/v2/trace/setting", "/v2/models/rows/stats", "/v2/models/rows/trace/setting", "/v2/models/rows/generate",
    # Ollama
    "/api/tags", "/api/pull", "/api/delete", "/api/create", "/api/generate",
)  # fmt: skip


@pytest.mark.parametrize("key", ["acme", None])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_door_that_is_not_ours_is_closed_and_no_engine_hears_of_it(
    plane: Plane, method: str, key: str | None
) -> None:
    sent = [plane.ask(path, {} if method == "POST" else None, method=method, key=key) for path in DOORS]
    answers = await asyncio.gather(*sent)
    assert {path: answer.status for path, answer in zip(DOORS, answers, strict=True) if answer.status != 404} == {}
    assert plane.chat.asked == plane.vectors.asked == plane.rows.asked == []


@pytest.mark.parametrize(
    "path", ["/v1/%2e%2e/slots", "/v1//slots", "/v1/../metrics", "//slots", "/v2/models/rows/../../slots"]
)
async def test_no_spelling_opens_one(plane: Plane, path: str) -> None:
    answer = await plane.ask(path, method="GET")
    assert answer.status in {400, 404}
    assert plane.chat.asked == plane.vectors.asked == plane.rows.asked == []
