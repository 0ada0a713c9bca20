"""Federation: other people's tokens in exchange for a workload's, which live minutes.

Always true here:
- a rule names issuer, audience, subject and pinned claims exactly, and one workload; it is made and ended, never changed;
- a token is taken once, whoever shows it and at whichever process;
- what is given out is signed by the control plane alone, and counts only while its rule, workload and tenant live;
- whoever is refused learns nothing of why; the reason stands in the audit log;
- every change and the notice that tells the gateways of it commit together.
"""

from strongroom.identity.federation.directory import Federation, Known
from strongroom.identity.federation.model import FederationDocument, Kind, Rule, Terms, Token

__all__ = ["Federation", "FederationDocument", "Kind", "Known", "Rule", "Terms", "Token"]
