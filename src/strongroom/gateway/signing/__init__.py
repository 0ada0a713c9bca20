"""Signed both ways: requests that must be signed by the workload that asks, and answers that prove who answered.

Always true here:
- a signature adds to the key and never takes its place: it must be by a key of the very workload whose key is shown;
- what is refused here looks the same to the caller whatever was wrong; the operator is told precisely;
- a nonce that could not be written down has not been checked, and the request is refused.
"""
