"""Signed both ways: requests that must be signed by the workload that asks, and answers that prove who answered.

Always true here:
- a signature adds to the key and never takes its place: it must be by a key of the very workload whose key is shown;
- what is refused here looks the same to the caller whatever was wrong; the operator is told precisely;
- a nonce that could not be written down has not been checked, and the request is refused.
"""

from strongroom.gateway.signing.answers import HEADERS as KEYS_HEADERS
from strongroom.gateway.signing.answers import PATH as KEYS_PATH
from strongroom.gateway.signing.desk import SigningDesk
from strongroom.gateway.signing.seal import Seal

__all__ = ["KEYS_HEADERS", "KEYS_PATH", "Seal", "SigningDesk"]
