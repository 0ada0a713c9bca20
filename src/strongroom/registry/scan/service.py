"""A whole scan: a file or a directory in, a report out; no server, no settings, no network.

1. walk the tree without following anything; judge the names and kinds of what is there;
2. have each file looked at in the sandboxed process, ONNX models first: they say which other files are theirs;
3. add up.

Always true here: what was not looked at is never clean, and one refused file refuses the whole.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from strongroom.kernel.clock import Clock, rfc3339
from strongroom.registry.scan.host import Host, Limits
from strongroom.registry.scan.lying import Given, Lying, Opens, Source, Unscannable, closed_after, left_open, opened
from strongroom.registry.scan.model import (
    Claim,
    FileReport,
    Finding,
    Kind,
    Level,
    Report,
    Tool,
    Totals,
    Verdict,
    verdict_of,
)
from strongroom.registry.scan.names import collisions, unplain
from strongroom.registry.scan.rules import ruleset_digest
from strongroom.registry.scan.tree import Entry, TooLarge, Tree, kind_of

SCANNER: Final = "strongroom-scan"

_BY_CLAIMS: Final = frozenset({"unknown", "hole"})
"""What is said of a file for want of claims on it."""

Progress = Callable[[str, int, int], None]
"""Told which file is read, how many bytes of all have been, and how many there are."""


def scan(
    path: Path,
    *,
    clock: Clock,
    limits: Limits | None = None,
    wanted: Iterable[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Look at a file or a directory.

    Args:
        path: what to look at; a link is not followed.
        clock: says when it was.
        limits: of the scanner's process.
        wanted: plug-ins that must have looked.
        progress: told how far it is.

    Raises:
        Unscannable: when there is nothing to look at.
        CannotScan: when the scanner's process cannot be started.
    """
    return _reported(os.fspath(path), lambda sweep: sweep.run(path), clock, limits, wanted, progress)


def scan_files(files: Mapping[str, Path], *, clock: Clock, named: str, limits: Limits | None = None) -> Report:
    """Look at a release's files where they lie under other names, as a store of blobs has them.

    Args:
        files: where each lies, by its path in the release.
        clock: says when it was.
        named: what the release is called.
        limits: of the scanner's process.

    Raises:
        CannotScan: when the scanner's process cannot be started.
    """
    return _reported(named, lambda sweep: sweep.run_files(files), clock, limits, (), None)


def scan_sources(
    sources: Mapping[str, Source], *, clock: Clock, named: str, progress: Progress | None = None
) -> Report:
    """Look at a release's files that somebody holds, one open at a time.

    Args:
        sources: what opens each, by its path in the release.
        clock: says when it was.
        named: what the release is called.
        progress: told how far it is.

    Raises:
        CannotScan: when the scanner's process cannot be started.
    """
    return _reported(named, lambda sweep: sweep.run_sources(sources), clock, None, (), progress)


def _reported(
    path: str,
    look: Callable[[Sweep], None],
    clock: Clock,
    limits: Limits | None,
    wanted: Iterable[str],
    progress: Progress | None,
) -> Report:
    began, started = time.monotonic(), rfc3339(clock.now())
    with Host(limits or Limits()) as host:
        sweep = Sweep(host, progress)
        look(sweep)
        present = {tool.name for tool in host.plugins}
        sweep.tree += [
            Finding(rule="missing-scanner", level=Level.UNDETERMINED, message=f"The scanner {name} is not installed.")
            for name in wanted
            if name not in present
        ]
        plugins, sandbox = host.plugins, _sandbox(host.lacks)
    files = tuple(report for _, report in sorted(sweep.files.items()))
    verdicts = Counter(each.verdict for each in files)
    return Report(
        path=path,
        verdict=sweep.verdict(),
        scanner=scanner(),
        ruleset=ruleset_digest(),
        plugins=plugins,
        sandbox=sandbox,
        started_at=started,
        seconds=round(time.monotonic() - began, 3),
        totals=Totals(
            files=len(files),
            bytes=sum(each.size for each in files),
            clean=verdicts[Verdict.CLEAN],
            refused=verdicts[Verdict.REFUSED],
            undetermined=verdicts[Verdict.UNDETERMINED],
        ),
        findings=tuple(sweep.tree),
        files=files,
    )


def scanner() -> Tool:
    """Return who this scanner is: its version, and a digest over its own source."""
    hasher = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        hasher.update(f"{source.name}\0".encode() + hashlib.sha256(source.read_bytes()).digest())
    return Tool(name=SCANNER, version=version("strongroom"), digest=hasher.hexdigest())


def _sandbox(lacks: tuple[str, ...]) -> tuple[str, ...]:
    measures = ("landlock", "seccomp", "limits")
    return (*(each for each in measures if each not in lacks), *(f"no {each} on this machine" for each in lacks))


class Sweep:
    """Collects the reports of one scan."""

    def __init__(self, host: Host, progress: Progress | None = None) -> None:
        """Say who looks."""
        self.files: dict[str, FileReport] = {}
        self.tree: list[Finding] = []
        self._host = host
        self._progress = progress
        self._claims: dict[str, list[Claim]] = {}
        self._heard: dict[str, tuple[Claim, ...]] = {}
        self._done = self._all = 0

    def findings(self) -> Iterator[Finding]:
        """Yield every reason, of the tree and of each file."""
        yield from self.tree
        for report in self.files.values():
            yield from report.findings

    def verdict(self) -> Verdict:
        """Return what all of them come to."""
        return verdict_of(tuple(self.findings()))

    def run(self, path: Path) -> None:
        """Look at a file or a directory.

        Raises:
            Unscannable: when there is nothing to look at.
        """
        try:
            about = path.lstat()
        except (OSError, ValueError) as error:
            raise Unscannable(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        if stat.S_ISDIR(about.st_mode):
            self._directory(path)
        elif odd := kind_of(about.st_mode):
            self._refuse(
                path.name, "file-type", f"This is {odd}: name what it leads to." if "link" in odd else f"This is {odd}."
            )
        else:
            self._single(path, about.st_size)

    def run_files(self, files: Mapping[str, Path]) -> None:
        """Look at files by the names that a release gives them, wherever they lie."""
        for first, second in collisions(files):
            self._collision(first, second)
        lying: list[Lying] = []
        for name, place in files.items():
            if (why := unplain(name)) is not None:
                self._refuse(name, "name", why)
            within = partial(closed_after, place.absolute().parent)
            lying.append(Lying(name, place.name, place.lstat().st_size, within))
        self._all_of(lying)

    def run_sources(self, sources: Mapping[str, Source]) -> None:
        """Look at files that somebody holds, by the names that a release gives them."""
        for first, second in collisions(sources):
            self._collision(first, second)
        lying: list[Lying] = []
        for name, source in sources.items():
            if (why := unplain(name)) is not None:
                self._refuse(name, "name", why)
            lying.append(Lying(name, name, source.size, Given(source).within))
        self._all_of(lying)

    # -- one file -----------------------------------------------------------------------------------------------

    def _single(self, path: Path, size: int) -> None:
        self._all = size
        tree = opened(path.absolute().parent)
        try:
            claims = self._file(tree, path.name, size)
        finally:
            tree.close()
        if claims:
            self._amend(
                path.name, "external-data", "Its data lies in other files: scan the directory that holds them all."
            )

    # -- a directory --------------------------------------------------------------------------------------------

    def _directory(self, path: Path) -> None:
        tree = opened(path)
        try:
            entries = self._entries(tree)
            self._all_of([Lying(each.path, each.path, each.size, partial(left_open, tree)) for each in entries])
        finally:
            tree.close()
        if not self.files and not self.tree:
            self._say("empty", "There is no file in it.")

    def _entries(self, tree: Tree) -> list[Entry]:
        """Return what is to be opened; judge the names and kinds of everything."""
        found: list[Entry] = []
        try:
            found = list(tree.entries())
        except TooLarge as error:
            self._say("name", f"This is no release: {error}.")
        except OSError as error:
            raise Unscannable(f"it cannot be read: {error.strerror}") from None
        for first, second in collisions(entry.path for entry in found):
            self._collision(first, second)
        names = Counter(entry.inode for entry in found if entry.links > 1)
        regular: list[Entry] = []
        for entry in found:
            if (why := unplain(entry.path)) is not None:
                self._refuse(entry.path, "name", why)
            if entry.why:
                self._add(entry.path, Finding(rule="unreadable", level=Level.UNDETERMINED, message=f"{entry.why}."))
            elif entry.odd:
                self._refuse(entry.path, "file-type", f"This is {entry.odd}.")
            elif entry.empty:
                self._refuse(entry.path, "empty", "A directory with nothing in it cannot be part of a release.")
            else:
                if entry.links > names[entry.inode] and entry.links > 1:
                    self._refuse(entry.path, "hard-link", "It is a hard link to a file outside: copy it.")
                regular.append(entry)
        return regular

    # -- a release: a directory, or files that lie elsewhere ------------------------------------------------------

    def _all_of(self, lying: list[Lying]) -> None:
        self._all = sum(each.size for each in lying)
        for each in sorted(lying, key=lambda each: (not each.name.lower().endswith(".onnx"), each.name)):
            self._regular(each)
        self._claimed({each.name: each for each in lying})

    def _claimed(self, lying: dict[str, Lying]) -> None:
        """Look again at data that was met before a model that claims it; say what is claimed and not there, or no data."""
        for path, claims in sorted(self._claims.items()):
            each = lying.get(path)
            if each is None:
                self._say("external-data", f"A model's data is in {path!r}, which is not there.")
                continue
            self._again(each, tuple(claims))
            kind = self.files[path].kind  # a claimed name is UTF-8
            if kind is not Kind.ONNX_DATA:
                self._say("external-data", f"A model's data is in {path!r}, which is {kind}.")

    def _again(self, each: Lying, claims: tuple[Claim, ...]) -> None:
        """Look at data once more where not all its claims were known; only what they decide is decided anew."""
        known = self.files[each.name]
        unheard = known.kind is Kind.UNKNOWN and any(finding.rule == "unknown" for finding in known.findings)
        if unheard or (known.kind is Kind.ONNX_DATA and claims != self._heard[each.name]):
            kept = tuple(finding for finding in known.findings if finding.rule not in _BY_CLAIMS)
            self.files[each.name] = FileReport(path=each.name, verdict=verdict_of(kept), findings=kept)
            self._regular(each)

    def _regular(self, each: Lying) -> None:
        heard = self._heard[each.name] = tuple(self._claims.get(each.name, ()))
        with each.within() as tree:
            found = self._file(tree, each.place, each.size, heard, called=each.name)
        way = each.name.rpartition("/")[0]
        for claim in found:
            place = f"{way}/{claim.file}" if way else claim.file
            self._claims.setdefault(place, []).append(Claim(place, claim.offset, claim.length))

    def _file(
        self, tree: Opens, path: str, size: int, claims: tuple[Claim, ...] = (), called: str = ""
    ) -> tuple[Claim, ...]:
        found: tuple[Claim, ...] = ()
        name = _shown(called or path)

        def moved(at: int) -> None:
            if self._progress is not None:
                self._progress(name, self._done + at, self._all)

        moved(0)
        try:
            with tree.open(path) as descriptor:
                before = os.fstat(descriptor)
                report, found = self._host.scan(descriptor, name, before.st_size, claims, moved)
                after = os.fstat(descriptor)
        except OSError as error:
            why = error.strerror or str(error)
            report = FileReport(
                path=name,
                size=size,
                verdict=Verdict.UNDETERMINED,
                findings=(Finding(rule="unreadable", level=Level.UNDETERMINED, message=f"It cannot be read: {why}."),),
            )
        else:
            if _state(before) != _state(after):
                finding = Finding(
                    rule="changed", level=Level.UNDETERMINED, message="The file changed while it was looked at."
                )
                report = _with(report, finding)
        self._done += size
        moved(0)
        self._keep(report)
        return found

    # -- findings -----------------------------------------------------------------------------------------------

    def _keep(self, report: FileReport) -> None:
        """Add a report to what was found of the same path before the file was opened."""
        known = self.files.get(report.path)
        for finding in known.findings if known is not None else ():
            if finding not in report.findings:
                report = _with(report, finding)
        self.files[report.path] = report

    def _add(self, path: str, finding: Finding) -> None:
        self._keep(FileReport(path=_shown(path), verdict=verdict_of((finding,)), findings=(finding,)))

    def _refuse(self, path: str, rule: str, message: str) -> None:
        self._add(path, Finding(rule=rule, level=Level.REFUSE, message=message))

    def _collision(self, first: str, second: str) -> None:
        self._refuse(second, "collision", f"Its name and that of {first} are one to some file systems.")

    def _amend(self, path: str, rule: str, message: str) -> None:
        finding = Finding(rule=rule, level=Level.REFUSE, message=message)
        self.files[path] = _with(self.files[path], finding)

    def _say(self, rule: str, message: str) -> None:
        self.tree.append(Finding(rule=rule, level=Level.REFUSE, message=message))


def _shown(path: str) -> str:
    """Return a path as a report can hold it: what is not UTF-8 is written out."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _with(report: FileReport, finding: Finding) -> FileReport:
    findings = (*report.findings, finding)
    return msgspec.structs.replace(report, findings=findings, verdict=verdict_of(findings))


def _state(about: os.stat_result) -> tuple[int, int, int]:
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns
