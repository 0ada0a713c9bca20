"""The settings of where the bytes of releases rest."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from strongroom.app.vault_section import LOOPBACK, Section, SettingsError


class ContentSection(Section, frozen=True, kw_only=True):
    """Where the sealed bytes of releases rest; data sets and training files rest on this machine."""

    s3_endpoint: Annotated[
        str | None,
        Meta(
            description="An S3-compatible store, as https://s3.eu-central-1.amazonaws.com; unset: a directory of this machine."
        ),
    ] = None
    s3_bucket: Annotated[
        str, Meta(pattern="^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$", description="The bucket, which is there already.")
    ] = ""
    s3_region: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$", description="Its region.")] = "us-east-1"
    s3_prefix: Annotated[
        str,
        Meta(
            pattern="^([A-Za-z0-9][A-Za-z0-9._-]{0,62}/){0,4}$",
            description="What every name begins with, with its slash: installations that share a bucket have one each.",
        ),
    ] = ""
    s3_path_style: Annotated[
        bool, Meta(description="Whether the bucket stands in the path, not in the host's name.")
    ] = True
    s3_ca: Annotated[str | None, Meta(description="PEM file of the authorities behind its certificate.")] = None
    s3_key_file: Annotated[
        str | None,
        Meta(description="File with the access key's id on its first line and the secret on its second, mode 0600."),
    ] = None


def check_content(section: ContentSection) -> None:
    """Refuse what no single value shows to be wrong.

    Raises:
        SettingsError: naming the setting.
    """
    if section.s3_endpoint is None:
        if section.s3_bucket or section.s3_key_file:
            raise SettingsError("`content.s3_bucket` and `content.s3_key_file` need `content.s3_endpoint`")
        return
    if not section.s3_bucket or section.s3_key_file is None:
        raise SettingsError("`content.s3_endpoint` needs `content.s3_bucket` and `content.s3_key_file`")
    try:
        parts = urlsplit(section.s3_endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("`content.s3_endpoint` is no URL") from None
    if not host or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError("`content.s3_endpoint` is https://host[:port], with nothing behind it")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise SettingsError("`content.s3_endpoint`: plain HTTP is for loopback only")
