"""People who sign in by their organisation's own provider (OpenID Connect), for as long as an hour.

Always true here:
- who somebody is, and what they may, comes out of a verified ID token and the installation's settings: a mapping of pinned
  claims to a role, the first that fits; who fits none stays out;
- a person gets a credential that nobody can present (its text is thrown away when it is made), published as every
  other is: so it ends with its time, its tenant and a revocation, on every process;
- an auditor's role has an end that the settings say, whatever the provider says.
"""

from strongroom.identity.people.backchannel import BackChannel
from strongroom.identity.people.commandline import CommandLines
from strongroom.identity.people.model import Mapping, MappingError, parse_mapping
from strongroom.identity.people.rechecks import Rechecks
from strongroom.identity.people.signon import Provider, SignOn

__all__ = ["BackChannel", "CommandLines", "Mapping", "MappingError", "Provider", "Rechecks", "SignOn", "parse_mapping"]
