"""System prompts as releases: what a deployment says to its model before anybody's request.

Always true here:
- a prompt is named by the digest of its document: tenant, name, version, author and text. Another tenant's prompt, or the same
  text under another name, is another prompt; a version never changes;
- a prompt that holds a secret is refused when it is added, and looked at again, by the day's rules, whenever it is deployed;
- no column says that a prompt was approved: what counts are approvers' signed statements over the digest, judged as those of a
  model are, never its author's own;
- its text rests sealed under its tenant's keys, in the registry and in what the gateways follow, bound to its place: who can
  write rows can neither change it nor put it elsewhere, who has a copy of the database cannot read it, the installation's
  keyring beside it or not, and once the tenant's keys are destroyed nobody can.
"""

from strongroom.registry.prompts.model import PinnedDocument, Prompt
from strongroom.registry.prompts.seals import PromptSeals
from strongroom.registry.prompts.service import Prompts

__all__ = ["PinnedDocument", "Prompt", "PromptSeals", "Prompts"]
