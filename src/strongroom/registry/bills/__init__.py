"""What is known of a release, as documents that others read: a CycloneDX ML-BOM, and a model card.

Always true here:
- only what is stored and holds is said: a statement whose signature does not hold is not in it, and nothing is guessed;
- evaluations are a tenant's: they stand in what is made for that tenant, and in nothing else;
- why somebody approved stays in the log: a document goes to people whom nobody here knows.
"""

from strongroom.registry.bills.service import Bills

__all__ = ["Bills"]
