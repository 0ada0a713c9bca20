"""Timestamps of an authority over signed heads (RFC 3161): asked for, and checked.

Always true here:
- what is stamped is the SHA-256 of the head's whole note, its signatures with it;
- an answer counts only for the very request: its nonce, its digest; whose it is, is for whoever checks, by roots they chose.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

MOST_BYTES: Final = 64 * 1024
_GRANTED: Final = 0


class NoTimestamp(ValueError):  # noqa: N818 - said of an answer, as "that is no timestamp"
    """An answer is no timestamp of what it was asked for, or not by whom it must be."""


def question(note: str) -> TimeStampRequest:
    """Return the request for a timestamp of a note."""
    return TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()


def fits(answer: bytes, asked: TimeStampRequest) -> datetime:
    """Return when the authority says that it was, if the answer is to what was asked. Nothing is said of whose it is.

    Raises:
        NoTimestamp: saying what is wrong.
    """
    try:
        response = decode_timestamp_response(answer)
        refused = response.status != _GRANTED
        said = None if refused else response.tst_info
        about = None if said is None else (said.nonce, said.message_imprint.message, said.gen_time)
    except Exception as error:  # noqa: BLE001 - the parser raises what it likes at what strangers send
        raise NoTimestamp(f"the answer is no timestamp ({type(error).__name__})") from None
    if about is None:
        raise NoTimestamp(f"it refuses: status {response.status}")
    nonce, message, at = about
    if nonce != asked.nonce or message != asked.message_imprint.message:
        raise NoTimestamp("the answer is to another question")
    return at


def verified(answer: bytes, note: str, roots_pem: bytes, intermediates_pem: bytes = b"") -> datetime:
    """Return when a note existed at the latest, by a timestamp of an authority below one of the roots.

    Raises:
        NoTimestamp: saying what is wrong.
    """
    try:
        roots = load_pem_x509_certificates(roots_pem)
        response = decode_timestamp_response(answer)
        builder = VerifierBuilder()
        for root in roots:
            builder = builder.add_root_certificate(root)
        for each in load_pem_x509_certificates(intermediates_pem) if intermediates_pem else ():
            builder = builder.add_intermediate_certificate(each)
        builder.build().verify_message(response, note.encode())
        at = response.tst_info.gen_time
    except VerificationError as error:
        raise NoTimestamp(f"the timestamp does not hold: {error}") from None
    except Exception as error:  # noqa: BLE001 - as above
        raise NoTimestamp(f"that is no timestamp, or those are no certificates ({type(error).__name__})") from None
    return at


__all__ = ["MOST_BYTES", "NoTimestamp", "fits", "question", "verified"]
