"""Metrics of every process on one page: each keeps its own, on a private socket, and the control process adds them up.

Always true here:
- a socket lies in a directory that only gateways may write in and only control may enter;
- counters and histograms are sums over all processes, those of the dead included, so they never go back while control
  lives; gauges are told for each process, by its name;
- what was counted between the last look at a process and its end is not in the sums: at most `LOOK_S` of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from strongroom.kernel.metrics import Family, Figures, Label, Type, render
from strongroom.wire import ClientError, Handler, Pool, Reply, Request, UnixTarget

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LOOK_S: Final = 5.0

_MOST_BYTES: Final = 4 * 2**20
_ANSWER_S: Final = 3.0
_MOST_PROCESSES: Final = 1024
SUFFIX: Final = ".sock"
_TYPE: Final = [(b"content-type", b"application/x-msgpack")]
_PROCESS: Final = "process"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one life of one process. `life` is random: another one means that the counters began anew."""

    life: str
    figures: tuple[Figures, ...]


_DECODER: Final = msgspec.msgpack.Decoder(Page)


def socket_of(directory: Path, process: str) -> Path:
    """Return where a process shows its figures."""
    return directory / f"{process}{SUFFIX}"


def teller(figures: Callable[[], Awaitable[Iterable[Figures]]]) -> Handler:
    """Return what answers on a process's private socket, whatever it is asked."""
    life = secrets.token_hex(8)

    async def tell(request: Request, reply: Reply) -> None:
        del request
        await reply.send(200, _TYPE, msgspec.msgpack.encode(Page(life=life, figures=tuple(await figures()))))

    return tell


class Collected:
    """The figures of all processes, as control knows them."""

    def __init__(self, *directories: Path) -> None:
        self._directories: Final = directories
        self._pages: Final[dict[str, Page]] = {}
        self._dead: Final = _Sums()
        self._looking: Final = asyncio.Lock()
        self._up: frozenset[str] = frozenset()
        self._restarts = 0

    async def run(self) -> None:
        """Look at every process from time to time, so that little is lost of one that dies."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask every process once."""
        async with self._looking:
            found: list[tuple[Path, str]] = []
            for directory in self._directories:
                with contextlib.suppress(OSError):
                    names = sorted(await asyncio.to_thread(os.listdir, directory))[:_MOST_PROCESSES]
                    found += [(directory, name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX)]
            pages = await asyncio.gather(*(self._ask(directory, name) for directory, name in found))
            self._up = frozenset(name for (_, name), page in zip(found, pages, strict=True) if page is not None)
            for (_, name), page in zip(found, pages, strict=True):
                if page is not None:
                    self._take(name, page)

    async def text(self) -> str:
        """Return everything in Prometheus's text format, as it is now."""
        await self.look()
        sums = _Sums()
        sums.add_all(self._dead.figures())
        for name, page in self._pages.items():
            sums.add_all(page.figures, process=name if name in self._up else None)
        return render([*sums.figures(), *self._own()])

    def _take(self, name: str, page: Page) -> None:
        before = self._pages.get(name)
        if before is not None and before.life != page.life:
            self._dead.add_all(before.figures)
            self._restarts += 1
        self._pages[name] = page

    @staticmethod
    async def _ask(directory: Path, name: str) -> Page | None:
        pool = Pool(UnixTarget(socket_of(directory, name)), max_connections=1)
        try:
            async with pool.request("GET", "/", timeout_s=_ANSWER_S) as response:
                body = await response.read(_MOST_BYTES)
                return _DECODER.decode(body) if response.status == HTTPStatus.OK else None
        except (ClientError, msgspec.MsgspecError):
            return None
        finally:
            await pool.close()

    def _own(self) -> Iterable[Figures]:
        names = Label(name=_PROCESS, values=tuple(self._pages))
        up = Family(Type.GAUGE, "strongroom_process_up", "Whether a process answers (1) or not (0).", (names,))
        for name in self._pages:
            up.set(name, to=1 if name in self._up else 0)
        again = Family(Type.COUNTER, "strongroom_process_restarts_total", "Processes that were started again.", ())
        again.add(by=self._restarts)
        return up.figures(), again.figures()


class _Sums:
    """Families added up by name."""

    def __init__(self) -> None:
        self._families: Final[dict[str, tuple[Figures, dict[tuple[str, ...], list[float]]]]] = {}

    def add_all(self, figures: Iterable[Figures], process: str | None = None) -> None:
        """Add `figures`; gauges only where the process that they are about is named."""
        for family in figures:
            gauge = family.type is Type.GAUGE
            if gauge and process is None:
                continue
            labels = (*family.labels, _PROCESS) if gauge else family.labels
            shape = Figures(
                name=family.name, type=family.type, help=family.help, labels=labels, bounds=family.bounds, series=()
            )
            known, series = self._families.setdefault(family.name, (shape, {}))
            if (known.type, known.labels, known.bounds) != (shape.type, shape.labels, shape.bounds):
                continue  # of another version of the program: not to be added up
            for values, numbers in family.series:
                _add(series, (*values, process) if process is not None and gauge else values, numbers)

    def figures(self) -> Iterable[Figures]:
        """Return the families as they stand."""
        for shape, series in self._families.values():
            yield Figures(
                name=shape.name,
                type=shape.type,
                help=shape.help,
                labels=shape.labels,
                bounds=shape.bounds,
                series=tuple((values, tuple(numbers)) for values, numbers in series.items()),
            )


def _add(series: dict[tuple[str, ...], list[float]], values: tuple[str, ...], numbers: tuple[float, ...]) -> None:
    held = series.get(values)
    if held is None:
        series[values] = list(numbers)
    else:
        held[:] = [one + other for one, other in zip(held, numbers, strict=True)]


def token_digest(path: str | None) -> bytes | None:
    """Return the digest of the scrape token in a file; None: there is no such token.

    Raises:
        ValueError: when the file holds no token of at least 32 characters.
        OSError: when it cannot be read.
    """
    if path is None:
        return None
    token = Path(path).read_bytes().strip()
    if len(token) < 32:  # noqa: PLR2004 - 128 bits, however they are written
        raise ValueError(f"{path}: a scrape token has at least 32 characters; make one with `openssl rand -hex 32`")
    return hashlib.sha256(token).digest()


def is_token(presented: str | None, digest: bytes | None) -> bool:
    """Whether `presented` is the scrape token, found out in constant time."""
    if presented is None or digest is None:
        return False
    return hmac.compare_digest(hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest(), digest)
