"""The model of names (tier 2) for a run over a file: in the run's own processes, from the bytes that are pinned."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from strongroom.privacy import Span
from strongroom.privacy.synthetic import Missing

if TYPE_CHECKING:
    from strongroom.runtime.namer import Namer

_INSTALL: Final = "A model of names needs `pip install 'strongroom[ner]'`"


class NamesIn:
    """The model as a detector."""

    def __init__(self, namer: Namer) -> None:
        self._namer = namer

    def find(self, text: str) -> list[Span]:
        """Return the names of a text."""
        return self._namer.read([text])[0] if text else []


@lru_cache(maxsize=1)
def reader() -> NamesIn:
    """Return the model, loaded once in a process.

    Raises:
        Missing: its packages are not installed, or are not those that are pinned.
    """
    from strongroom.runtime import artefacts  # noqa: PLC0415 - comes late: only who needs it waits
    from strongroom.runtime.blobs import WrongDigestError  # noqa: PLC0415 - as above
    from strongroom.runtime.namer import Namer  # noqa: PLC0415 - as above

    try:
        model, tokenizer = map(artefacts.bytes_of, artefacts.RAMPART)
        return NamesIn(Namer(model, tokenizer.decode()))
    except (ImportError, artefacts.MissingWeightsError) as error:
        raise Missing(f"{_INSTALL} ({error}).") from None
    except WrongDigestError as error:
        raise Missing(f"{_INSTALL}: what is installed is another model ({error}).") from None


def digest() -> str:
    """Return which model that is, for the record of a run."""
    from strongroom.runtime import artefacts  # noqa: PLC0415 - as above

    return f"sha256:{artefacts.RAMPART[0].digest}"
