"""A bucket of an S3-compatible store, seen through botocore. It blocks: call it in a thread.

Always true here:
- what goes in was sealed before; the store sees ciphertext, digests as names, owners' ids and sizes;
- an object is made once, under the condition that there is none of its name, and every piece goes with its MD5;
- no credential but the one that is given is ever looked for: no profile, no environment, no metadata service;
- "there is none" is said only when the store says so; whatever else is wrong is an OSError, and ends within bounded time.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import importlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PIECE: Final = 16 << 20
"""Bytes of one part of an object; the store takes 10,000 of them, and none but the last below 5 MiB."""

_CONNECT_S, _READ_S, _TRIES = 5.0, 60.0, 3
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
_TAKEN: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_UNKNOWN: Final = frozenset({"NotImplemented", "501"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a bucket is, and what opens it.

    Attributes:
        endpoint: https://host[:port]; plain HTTP on loopback alone.
        prefix: what all names begin with, with its slash; empty: nothing.
        by_path: whether the bucket stands in the path, not in the host name.
        ca: PEM file of the authorities behind its certificate; None: the machine's.
        key: the access key's id and its secret.
    """

    endpoint: str
    bucket: str
    region: str
    prefix: str = ""
    by_path: bool = True
    ca: str | None = None
    key: tuple[str, str] = field(repr=False)


class NoObject(OSError):  # noqa: N818 - named for what there is
    """The store says that there is no object of this name."""

    def __init__(self) -> None:
        super().__init__(errno.ENOENT, "the store has no such object")


class Bucket:
    """Objects by name. Safe for threads."""

    def __init__(self, place: Place) -> None:
        """Connect to nothing yet.

        Raises:
            ImportError: without the extra `s3`.
        """
        self._bucket: Final = place.bucket
        self._prefix: Final = place.prefix
        self._errors: Final[Any] = importlib.import_module("botocore.exceptions")
        session: Any = importlib.import_module("botocore.session").Session(profile=None)
        for name in ("config_file", "credentials_file"):
            session.set_config_variable(name, os.devnull)
        config: Any = importlib.import_module("botocore.config").Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            s3={"addressing_style": "path" if place.by_path else "virtual"},
            proxies={},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._client: Final[Any] = session.create_client(
            "s3",
            region_name=place.region,
            endpoint_url=place.endpoint,
            verify=place.ca or True,
            aws_access_key_id=place.key[0],
            aws_secret_access_key=place.key[1],
            config=config,
        )

    def put(self, name: str, file: Path) -> bool:
        """Store a file under a name that nothing has; False: something has it, and that stays.

        What an interrupted call has sent of the very same bytes is not sent again.

        Raises:
            OSError: when it could not be stored whole.
        """
        length = file.stat().st_size
        with file.open("rb") as content:
            done = self._whole(name, content.read()) if length <= PIECE else self._pieces(name, content, length)
        if done and self.size(name) != length:
            raise OSError(errno.EIO, "the store has another number of bytes than it was sent")
        return done

    def read(self, name: str, at: int, length: int) -> bytes:
        """Return up to so many bytes of an object from `at` on, none past its end.

        Raises:
            NoObject: when there is none.
            OSError: when they cannot be had.
        """
        for attempt in range(_TRIES):
            span = f"bytes={at}-{at + length - 1}"
            try:
                answer = self._ask("get_object", name, Range=span)
                return self._bytes(answer, at, length)
            except self._errors.BotoCoreError as error:  # the answer began and broke off
                if attempt == _TRIES - 1:
                    raise OSError(errno.EIO, f"the store's answer broke off: {type(error).__name__}") from None
            except _PastEndError:
                return b""
        raise AssertionError("the last attempt returns or raises")

    def size(self, name: str) -> int:
        """Return how many bytes an object has; errors as `read`."""
        return int(self._ask("head_object", name)["ContentLength"])

    def remove(self, name: str) -> None:
        """Remove an object with every version of it, and what was begun of it. None there: nothing to do.

        Raises:
            OSError: when it may be there still.
        """
        key = self._prefix + name
        try:
            for each in self._versions(key):
                self._ask("delete_object", name, VersionId=each)
        except _UnknownError:
            with contextlib.suppress(NoObject):
                self._ask("delete_object", name)
        for each in self._begun(key):
            with contextlib.suppress(NoObject):
                self._ask("abort_multipart_upload", name, UploadId=each)
        with contextlib.suppress(NoObject):
            self.size(name)
            raise OSError(errno.EIO, "the store has the object still")

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        """Yield the names below one, as the store lists them now, and how many bytes each has.

        Raises:
            OSError: when they cannot be listed.
        """
        more: dict[str, Any] = {}
        while True:
            page = self._ask("list_objects_v2", None, Prefix=self._prefix + under, **more)
            for each in page.get("Contents", ()):
                yield str(each["Key"]).removeprefix(self._prefix), int(each["Size"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def check(self) -> None:
        """Store, read, find taken, and remove an object.

        Raises:
            OSError: saying which of it the store does not do.
        """
        name, data = f".probe-{secrets.token_hex(8)}", secrets.token_bytes(64)
        try:
            if not self._whole(name, data):
                raise OSError(errno.EIO, "the store says of a fresh name that it is taken")
            if self.read(name, 0, len(data)) != data:
                raise OSError(errno.EIO, "the store answers with other bytes than it was sent")
            if self._whole(name, data):
                raise OSError(errno.ENOTSUP, "the store overwrites what is there (If-None-Match is not kept)")
        finally:
            self.remove(name)

    def _whole(self, name: str, data: bytes) -> bool:
        return self._made("put_object", name, Body=data, ContentMD5=_md5(data), IfNoneMatch="*")

    def _pieces(self, name: str, content: Any, length: int) -> bool:
        begun = self._begun(self._prefix + name)
        upload = begun[-1] if begun else str(self._ask("create_multipart_upload", name)["UploadId"])
        there = self._sent(name, upload)
        parts: list[dict[str, Any]] = []
        for number in range(1, -(-length // PIECE) + 1):
            data = content.read(PIECE)
            tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if there.get(number) != tag:
                sent = self._ask(
                    "upload_part", name, UploadId=upload, PartNumber=number, Body=data, ContentMD5=_md5(data)
                )
                tag = str(sent["ETag"]).strip('"')
            parts.append({"PartNumber": number, "ETag": f'"{tag}"'})
        done = self._made(
            "complete_multipart_upload", name, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
        )
        if not done:
            with contextlib.suppress(NoObject):
                self._ask("abort_multipart_upload", name, UploadId=upload)
        return done

    def _made(self, act: str, name: str, **more: Any) -> bool:
        try:
            self._ask(act, name, **more)
        except _TakenError:
            return False
        return True

    def _sent(self, name: str, upload: str) -> dict[int, str]:
        """Return the MD5 of each part that the store has of an upload; one that is not sent as MD5 is sent again."""
        found: dict[int, str] = {}
        more: dict[str, Any] = {}
        while True:
            page = self._ask("list_parts", name, UploadId=upload, **more)
            found |= {int(each["PartNumber"]): str(each["ETag"]).strip('"') for each in page.get("Parts", ())}
            if not page.get("IsTruncated"):
                return found
            more = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def _begun(self, key: str) -> list[str]:
        try:
            page = self._ask("list_multipart_uploads", None, Prefix=key)
        except _UnknownError:
            return []
        return [str(each["UploadId"]) for each in page.get("Uploads", ()) if each["Key"] == key]

    def _versions(self, key: str) -> list[str]:
        found: list[str] = []
        more: dict[str, Any] = {}
        while True:
            page = self._ask("list_object_versions", None, Prefix=key, **more)
            every = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            found += [str(each["VersionId"]) for each in every if each["Key"] == key]
            if not page.get("IsTruncated"):
                return found
            more = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    def _bytes(self, answer: Any, at: int, length: int) -> bytes:
        data = bytearray()
        while len(data) <= length and (more := answer["Body"].read(length + 1 - len(data))):
            data += more  # never more than was asked for, whatever is sent: it is not to fill the memory
        span = str(answer.get("ContentRange", ""))
        if not span.startswith(f"bytes {at}-") or len(data) > length:
            raise OSError(errno.EIO, "the store answered with other bytes than it was asked for")
        return bytes(data)

    def _ask(self, act: str, name: str | None, **more: Any) -> Any:
        named = {} if name is None else {"Key": self._prefix + name}
        try:
            return getattr(self._client, act)(Bucket=self._bucket, **named, **more)
        except self._errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
            if code in _ABSENT and name is not None:
                raise NoObject from None
            if code == "InvalidRange" or status == "416":
                raise _PastEndError from None
            if code in _TAKEN or status in _TAKEN:
                raise _TakenError from None
            if code in _UNKNOWN or status in _UNKNOWN:
                raise _UnknownError(errno.ENOSYS, f"the store does not know {act}") from None
            raise OSError(errno.EIO, f"the store says {code or status} to {act}") from None
        except self._errors.BotoCoreError as error:
            raise OSError(errno.EIO, f"the store does not answer: {type(error).__name__}") from None


class _TakenError(OSError):
    """The name is taken."""


class _PastEndError(OSError):
    """Nothing is there from that place on."""


class _UnknownError(OSError):
    """The store does not know this act."""


def _md5(data: bytes) -> str:
    """Return the checksum by which a store knows that a piece arrived whole; nothing rests on it against an attacker."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
