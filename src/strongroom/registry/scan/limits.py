"""The limits of what is admitted. They are part of the ruleset: a change of one is another ruleset digest."""

from __future__ import annotations

from typing import Final

import msgspec

KIB: Final = 1 << 10
MIB: Final = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large each part may be. Real models stay an order of magnitude below each of these."""

    safetensors_header_bytes: int = 32 * MIB
    tensors: int = 262_144
    dimensions: int = 16
    name_bytes: int = 1024

    gguf_tensors: int = 65_536
    gguf_pairs: int = 65_536
    gguf_key_bytes: int = 1024
    gguf_tensor_name_bytes: int = 63  # ggml's GGML_MAX_NAME, without its end
    gguf_dimensions: int = 4
    gguf_array: int = 16_777_216
    gguf_strings: int = 4_194_304
    gguf_alignment: int = 65_536

    onnx_bytes: int = (1 << 31) - 1  # protobuf's own bound of a message
    onnx_depth: int = 64
    onnx_nodes: int = 2_000_000
    onnx_claims: int = 262_144
    onnx_data_gap: int = 65_536

    json_bytes: int = 256 * MIB
    json_depth: int = 64
    json_keys: int = 1_000_000  # in one object
    json_tokens: int = 32_000_000
    json_number: int = 128

    string_bytes: int = MIB
    template_bytes: int = 256 * KIB
    template_nodes: int = 20_000
    template_depth: int = 100
    template_rounds: int = 10_000
    text_bytes: int = 256 * MIB

    archive_members: int = 10_000
    archive_ratio: int = 100
    archive_looked_at: int = 16 * MIB

    pickle_steps: int = 100_000
    findings: int = 32  # of one file; more say nothing new


LIMITS: Final = Limits()
