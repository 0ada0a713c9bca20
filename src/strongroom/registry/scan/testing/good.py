"""Sound artefacts: what a release may hold, in the shapes that real ones have."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from strongroom.registry.scan.testing import templates
from strongroom.registry.scan.testing.build import (
    ARCHITECTURE,
    BOOL,
    F32,
    F64,
    I32,
    STRING,
    U16,
    U32,
    U64,
    array,
    blob,
    external,
    gguf,
    graph,
    info,
    node,
    number,
    onnx,
    onnx_tensor,
    pair,
    safetensors,
    sentencepiece,
    tensor,
)
from strongroom.registry.scan.testing.samples import Sample, one


def good() -> Iterator[Sample]:
    """Yield every sound sample."""
    yield from _safetensors()
    yield from _gguf()
    yield from _onnx()
    yield from _documents()
    for name, text in templates.sound():
        match len(name) % 3:
            case 0:
                yield one("template", name, "chat_template.jinja", text.encode())
            case 1:
                yield one("template", name, "tokenizer_config.json", json.dumps({"chat_template": text}).encode())
            case _:
                data = gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, text)])
                yield one("template", name, "model.gguf", data)


def _safetensors() -> Iterator[Sample]:
    two = {"b": tensor(4, 12, "F32", [2]), "a": tensor(0, 4, "I16", [1, 2])}
    kinds = [("BF16", 2), ("F16", 2), ("F64", 8), ("I64", 8), ("U32", 4), ("BOOL", 1), ("F8_E4M3", 1), ("C64", 8)]
    files = {
        "none": safetensors({}),
        "one": safetensors({"a": tensor(0, 4)}, b"\0" * 4),
        "any-order": safetensors(two, b"\1" * 12),
        "metadata": safetensors({"__metadata__": {"format": "pt", "note": "ünïcode"}, "a": tensor(0, 1)}, b"\0"),
        "padded": safetensors(json.dumps({"a": tensor(0, 4)}) + "     ", b"\0" * 4),
        "scalar": safetensors({"a": tensor(0, 4, "F32", [])}, b"\0" * 4),
        "empty-tensors": safetensors({"a": tensor(0, 0), "b": tensor(0, 4), "c": tensor(4, 4)}, b"\0" * 4),
        "half-bytes": safetensors({"a": tensor(0, 2, "F4", [4])}, b"\0" * 2),
        "many": safetensors({f"layers.{at}.w": tensor(at * 4, at * 4 + 4) for at in range(2000)}, b"\2" * 8000),
        "all-bytes": safetensors({"a": tensor(0, 65536)}, bytes(range(256)) * 256),
        "large": safetensors({"a": tensor(0, 3 << 20)}, b"\3" * (3 << 20)),
    }  # fmt: skip
    for dtype, width in kinds:
        files[f"type-{dtype}"] = safetensors({"a": tensor(0, 6 * width, dtype, [2, 3])}, b"\0" * 6 * width)
    for name, data in files.items():
        yield one("safetensors", name, "model.safetensors", data)
    yield one("safetensors", "by-another-name", "pytorch_model.bin", files["one"])
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    yield Sample(
        "safetensors-shards",
        "safetensors",
        {
            "model-00001-of-00002.safetensors": files["one"],
            "model-00002-of-00002.safetensors": files["any-order"],
            "model.safetensors.index.json": json.dumps(index).encode(),
            "config.json": b'{"model_type": "llama", "torch_dtype": "bfloat16"}',
        },
    )


def _gguf() -> Iterator[Sample]:
    tokens = array("tokenizer.ggml.tokens", STRING, ["<s>", "</s>", "é", "a" * 300])
    scalars = [
        pair("a.b", U32, 7),
        pair("a.c", F32, 0.5),
        pair("a.d", BOOL, 1),
        pair("a.e", U64, 1 << 63),
        pair("a.f", F64, 1.5),
    ]
    files = {
        "none": gguf(),
        "version-two": gguf(version=2),
        "scalars": gguf([ARCHITECTURE, *scalars]),
        "arrays": gguf([ARCHITECTURE, tokens, array("a.s", F32, [0.5] * 5), array("a.i", I32, [-1, 2])]),
        "one": gguf(infos=[info("token_embd.weight", [32, 2], 0, 0)], data=b"\0" * 256),
        "two": gguf(infos=[info("a", [3], 0, 0), info("b", [5], 1, 32)], data=b"\1" * 12 + b"\0" * 20 + b"\2" * 10),
        "padded-end": gguf(infos=[info("a", [3], 0, 0)], data=b"\1" * 12 + b"\0" * 20),
        "quantised": gguf(infos=[info("a", [256, 2], 12, 0), info("b", [32], 8, 288)], data=b"\3" * 288 + b"\4" * 34),
        "any-order": gguf(infos=[info("b", [8], 0, 32), info("a", [8], 0, 0)], data=b"\0" * 64),
        "alignment": gguf([ARCHITECTURE, pair("general.alignment", U32, 64)], [info("a", [4], 0, 0)], b"\0" * 16, alignment=64),
        "one-part": gguf([ARCHITECTURE, pair("split.count", U16, 1)]),
        "four-dimensions": gguf(infos=[info("a", [2, 2, 2, 2], 30, 0)], data=b"\0" * 32),
        "template": gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, "{{ messages[0].content }}")]),
        "many-tokens": gguf([ARCHITECTURE, array("tokenizer.ggml.tokens", STRING, [f"t{at}" for at in range(60_000)])]),
    }  # fmt: skip
    for name, data in files.items():
        yield one("gguf", name, "model.gguf", data)


def _onnx() -> Iterator[Sample]:
    raw = onnx_tensor([2], 1, blob(9, b"\0" * 8))
    typed = onnx_tensor([2], 1, blob(4, struct.pack("<2f", 1, 2)))
    ints = onnx_tensor([3], 7, blob(7, b"\x01\x02\x03"))
    texts = onnx_tensor([2], 8, blob(6, b"a") + blob(6, b"b"))
    packed = number(2, 1) + blob(1, b"\x02") + blob(8, "w") + blob(9, b"\0" * 8)
    branch = blob(5, blob(1, "then_branch") + blob(6, graph([node("Identity")])) + number(20, 5))
    function = blob(1, "F") + blob(10, "mine") + blob(7, node("Relu")) + blob(9, number(2, 17))
    shape = blob(
        11, blob(1, "x") + blob(2, blob(1, number(1, 1) + blob(2, blob(1, blob(2, "batch")) + blob(1, number(1, 4)))))
    )
    files = {
        "node": onnx(graph([node("Identity")])),
        "raw": onnx(graph([node("Identity")], [raw])),
        "typed": onnx(graph([node("Identity")], [typed, ints, texts])),
        "packed-dims": onnx(graph([], [packed])),
        "subgraph": onnx(graph([node("If", "", branch)])),
        "function": onnx(graph([node("F", "mine")]), blob(25, function), domains=("", "mine")),
        "ml": onnx(graph([node("TreeEnsembleClassifier", "ai.onnx.ml")]), domains=("", "ai.onnx.ml")),
        "contrib": onnx(graph([node("Gelu", "com.microsoft")]), domains=("", "com.microsoft")),
        "inputs": onnx(graph([node("Identity")], [], shape)),
        "metadata": onnx(graph([node("Identity")]), blob(14, blob(1, "author") + blob(2, "someone"))),
    }  # fmt: skip
    for name, data in files.items():
        yield one("onnx", name, "model.onnx", data)
    outside = onnx(
        graph(
            [],
            [
                onnx_tensor([2], 1, external("model.onnx.data", 0, 8)),
                onnx_tensor([4], 1, external("model.onnx.data", 4096, 16), name="v"),
            ],
        )
    )
    data = b"\xfe" * 8 + b"\0" * 4088 + b"\xff" * 16
    yield Sample("onnx-data", "onnx", {"model.onnx": outside, "model.onnx.data": data})
    first = onnx_tensor([2], 1, external("w.bin", 0, 8))
    two = {"a.onnx": onnx(graph([], [first])), "b.onnx": onnx(graph([node("Relu")], [first])), "w.bin": b"\xfe" * 8}
    yield Sample("onnx-data-of-two-models", "onnx", two)
    inner = node("Constant", "", blob(5, blob(1, "value") + blob(5, first) + number(20, 4)))
    yield Sample("onnx-data-of-a-node", "onnx", {"model.onnx": onnx(graph([inner])), "w.bin": b"\xfe" * 8})
    nothing = [first, *(onnx_tensor([0], 1, external("w.bin", 8, 0), name=each) for each in "ab")]
    yield Sample("onnx-data-of-no-length", "onnx", {"model.onnx": onnx(graph([], nothing)), "w.bin": b"\xfe" * 8})
    yield Sample("onnx-data-met-first", "onnx", {"z/graph": outside, "z/model.onnx.data": data})


def _documents() -> Iterator[Sample]:
    vocab = {f"tok{at}": at for at in range(3000)}
    tokenizer = {
        "version": "1.0",
        "model": {"type": "BPE", "vocab": vocab, "merges": ["a b", "c d"]},
        "added_tokens": [{"id": 0, "content": "{{"}],
    }
    named = [
        {"name": "default", "template": "{{ messages[0]['content'] }}"},
        {"name": "rag", "template": "{% for d in documents %}{{ d.text }}{% endfor %}"},
    ]
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    documents = {
        "config": ("config.json", {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "rope_theta": 1e4}),
        "tokenizer": ("tokenizer.json", tokenizer),
        "named-templates": ("tokenizer_config.json", {"chat_template": named, "bos_token": "<s>"}),
        "modules": ("modules.json", modules),
        "wide-and-narrow-keys": ("vocab.json", {"\u6b66": 1, "fk": 2, "\\u0061": 3}),
        "prompts": ("config_sentence_transformers.json", {"prompts": {"query": "Represent this: "}}),
        "numbers": ("a.json", [0, -1, 1.5, 1e300, -0.0, 12345678901234567890]),
        "nested": ("a.json", json.loads("[" * 40 + "]" * 40)),
        "classes": ("config.json", {"class_name": "Dense", "config": {"activation": "relu"}, "module": "keras.layers"}),
        "words": ("special_tokens_map.json", {"a": True, "b": None, "c": "code: import os"}),
    }
    for name, (path, document) in documents.items():
        yield one("json", name, path, json.dumps(document, ensure_ascii=name != "wide-and-narrow-keys").encode())
    texts = {
        "readme": (
            "README.md",
            "---\nlicense: apache-2.0\n---\n# A model\n\n```python\nimport torch\nmodel = load('x')\n```\n",
        ),
        "licence": ("LICENSE", "Apache License\nVersion 2.0, January 2004\n\n(c) somebody\n"),
        "vocab": ("vocab.txt", "[PAD]\n[UNK]\nimport\nclass\ncat\ndog\n)\nR\n.\n"),
        "merges": ("merges.txt", "#version: 0.2\nĠ t\nĠ a\nh e\n"),
        "tiktoken": ("qwen.tiktoken", "IQ== 0\nIg== 1\nIw== 2\n"),
        "notes": ("notes.txt", "From the authors: this class of models (see below) is small.\nDefine terms first.\n"),
        "yaml": ("config.yaml", "model:\n  name: a\n  layers: [1, 2]\n"),
        "windows": ("README.txt", "one\r\ntwo\r\n"),
        "mark": ("README.txt", "\ufeffhello\n"),
        "requirements": ("requirements.txt", "numpy==2.0\ntokenizers>=0.20\n"),
        "lines": ("train.jsonl", '{"text": "a", "n": 1}\n{"text": "b", "n": 2}\n'),
        "references": ("NOTES", "[1] One paper\n[2] Another\n"),
        "settings": ("train.cfg", "[model]\nname = a\n"),
        "labels": ("labels.csv", "id,label\n0,cat\n1,dog\n"),
        "html-in-markdown": ("README.md", '<div align="center">\n<img src="logo.png">\n</div>\n\n# A model\n'),
    }
    for name, (path, text) in texts.items():
        yield one("text", name, path, text.encode())
    yield one("sentencepiece", "small", "tokenizer.model", sentencepiece())
    yield one("sentencepiece", "wide", "spiece.model", sentencepiece([f"▁{at}" for at in range(2000)]))
