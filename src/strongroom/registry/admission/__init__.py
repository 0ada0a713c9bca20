"""Whether a release may be deployed: judged anew each time, from signed statements and from nothing else.

Always true here:
- no column says that a release was scanned, signed or approved: who could write a row could write that. What counts is a
  statement whose signature holds, over this manifest, this name and this version;
- the manifest is the release's identity: a file that is not in it by path and both digests is no part of it;
- an approval is one person's, for one environment, one tenant or all, until a day; its author's own does not count, one
  person's counts once, and so does one key's;
- a verdict of other rules than today's does not count: the release is scanned again.

The keys of the installation and of its approvers are derived from the keyring's `registry` purpose; a database, or a
backup of one, holds none of them.
"""

from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.manifest import File, Manifest
from strongroom.registry.admission.model import Proof, Reason, Risk, Standing
from strongroom.registry.admission.service import Admission

__all__ = ["Admission", "File", "Manifest", "Proof", "Reason", "RegistryKeys", "Risk", "Standing"]
