"""The bytes of releases that people bring: sealed before they touch a disk, named by what they are.

Always true here:
- a file is sealed under its owner's key from the vault as it arrives, chunk by chunk; no part of it lies on a disk in the
  clear, in quarantine as little as in the store;
- what is stored under a digest was hashed by this side while it came in, and is hashed again by whoever reads it;
- where the settings name a bucket, files lie there instead, sealed the same way, and what it answers is believed no more than a disk;
- a file appears under its name whole and synced, or not at all (temporary file, fsync, link-if-absent);
- nothing is copied into memory that does not fit there: that is asked before the first byte, and while it is copied;
- one owner's store has one copy of the same bytes. Two owners have one each: a copy that both could open would need a key
  that both have, and its being there already would tell one of the other.

Nothing here decides anything: who may bring, read or remove what is `releases`' affair.
"""

from strongroom.registry.content.bucket import Bucket, Place
from strongroom.registry.content.memory import NoMemory
from strongroom.registry.content.remote import BucketStore
from strongroom.registry.content.sealed import PART, Broken
from strongroom.registry.content.store import ContentStore, Held, Owner, Plain, Stored

__all__ = [
    "PART",
    "Broken",
    "Bucket",
    "BucketStore",
    "ContentStore",
    "Held",
    "NoMemory",
    "Owner",
    "Place",
    "Plain",
    "Stored",
]
