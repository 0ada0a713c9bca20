"""What may serve where, and what nowhere: a signed channel for each environment, and one of revocations.

Always true here:
- each channel is a repository of The Update Framework (TUF) with keys of its own, which no other channel or role has;
- what is held back, turned back, mixed, lengthened or signed by another key is not believed, and a channel that cannot be
  believed promotes nothing: no deployment is made by it, and no worker started;
- going back is a new version that names an older release, which must pass all that is asked today;
- what is revoked stays so, also where a database is brought back from a backup;
- every change has a reason and stands in the audit log.

A channel's keys are derived from the keyring. What was seen last lies in a file of this machine, in no backup.
"""
