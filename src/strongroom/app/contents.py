"""Where bytes rest, made from the settings: a directory of this machine, or a bucket and what opens it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from strongroom.app.content_section import ContentSection
from strongroom.app.vault_section import SettingsError
from strongroom.registry.content import Bucket, BucketStore, ContentStore, Place
from strongroom.vault import Vault


def s3_key(section: ContentSection) -> tuple[str, str] | None:
    """Return what opens the bucket; None: there is none.

    Raises:
        SettingsError: when the file cannot be read, others can read it too, or it holds something else.
    """
    if section.s3_key_file is None:
        return None
    try:
        descriptor = os.open(section.s3_key_file, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            private = not stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077
            lines = file.read(4096).split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"`content.s3_key_file` cannot be read: {type(error).__name__}") from None
    if not private:
        raise SettingsError("`content.s3_key_file`: others can read it; give it mode 0600")
    match lines:
        case [name, secret]:
            return name, secret
        case _:
            raise SettingsError(
                "`content.s3_key_file` holds the access key's id on one line, its secret on the next, no more"
            )


def content_store(section: ContentSection, key: tuple[str, str] | None, root: Path, vault: Vault) -> ContentStore:
    """Return where the files of releases rest: in the bucket that is set, or in the directory `root`.

    Raises:
        SettingsError: when a bucket is set and there is no key of it, or no client.
    """
    if section.s3_endpoint is None:
        return ContentStore(root, vault)
    if key is None:
        raise SettingsError("`content.s3_key_file` was not read: the bucket cannot be opened")
    place = Place(
        endpoint=section.s3_endpoint, bucket=section.s3_bucket, region=section.s3_region, prefix=section.s3_prefix,
        by_path=section.s3_path_style, ca=section.s3_ca, key=key,
    )  # fmt: skip
    try:
        bucket = Bucket(place)
    except ImportError:
        raise SettingsError("`content.s3_endpoint` needs the extra `s3`: pip install 'strongroom[s3]'") from None
    return BucketStore(root, vault, bucket)
