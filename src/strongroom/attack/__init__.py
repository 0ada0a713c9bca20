"""The product's own attacker: it drives the public API as somebody would who means harm, and says what it saw.

Always true here:
- it knows what an attacker knows: addresses, the credentials of one tenant, and what it guesses; the other tenant's are
  used for one thing only, to see that what was refused to the first does work for its owner;
- it makes two tenants of its own, attacks those, and removes them: nobody's work is touched;
- a case that could not be carried out has not passed;
- what it saw is said without any credential or canary in it.
"""

from __future__ import annotations

from strongroom.attack.staging import staged
from strongroom.attack.target import Key, Target, Tenant
from strongroom.attack.verdict import Case, Verdict

__all__ = ["Case", "Key", "Target", "Tenant", "Verdict", "staged"]
