"""A request as Cedar reads it: entities with attributes, as JSON.

Always true here:
- only what is known is written down: an absent tenant or environment is an absent attribute, never an empty or a
  made-up one, so the schema can refuse a workload without a place and an operator with one;
- ids travel as JSON values, never inside policy text.
"""

from __future__ import annotations

import json
from typing import Final, TypeAlias

from strongroom.kernel.principal import Principal, Role
from strongroom.policy.model import Action, Kind, Resource

Uid: TypeAlias = dict[str, str]

PRINCIPAL_TYPES: Final = {
    Role.OPERATOR: "Operator",
    Role.APPROVER: "Approver",
    Role.TENANT_ADMIN: "TenantAdmin",
    Role.AUDITOR: "Auditor",
    Role.TENANT_AUDITOR: "TenantAuditor",
    Role.INFERENCE: "Inference",
    Role.EVALUATION: "Evaluation",
    Role.INGESTION: "Ingestion",
    Role.TRAINING: "Training",
    Role.SUPPORT: "Support",
    Role.NOTEBOOK: "Notebook",
    Role.DELIVERY: "Delivery",
}

RESOURCE_TYPES: Final = {
    Kind.TENANT: "Tenant",
    Kind.ENVIRONMENT: "Environment",
    Kind.WORKLOAD: "Workload",
    Kind.KEY: "Key",
    Kind.SIGNER: "Signer",
    Kind.FEDERATION: "Federation",
    Kind.ACCOUNT: "Account",
    Kind.RELEASE: "Release",
    Kind.DEPLOYMENT: "Deployment",
    Kind.PROMPT: "Prompt",
    Kind.DATASET: "Dataset",
    Kind.JOB: "Job",
    Kind.CASE: "Case",
    Kind.PROVIDER: "Provider",
    Kind.RULES: "Rules",
    Kind.INCIDENT: "Incident",
    Kind.SUBJECT: "Subject",
    Kind.CANARY: "Canary",
    Kind.FLOW: "Flow",
    Kind.LIST: "ValueList",
    Kind.CAPTURE: "Capture",
    Kind.AUDIT_LOG: "AuditLog",
    Kind.CONFIGURATION: "Configuration",
    Kind.VAULT: "Vault",
    Kind.ELEVATION: "Elevation",
    Kind.PROPOSAL: "Proposal",
    Kind.CHANNEL: "Channel",
    Kind.SELF: "Self",
}


def principal_uid(who: Principal) -> Uid:
    """Return the caller's name for Cedar: its role is its type, its credential's public id names it."""
    return {"type": PRINCIPAL_TYPES[who.role], "id": who.credential}


def action_uid(action: Action) -> Uid:
    """Return the verb's name for Cedar."""
    return {"type": "Action", "id": action.value}


def resource_uid(resource: Resource) -> Uid:
    """Return the resource's name for Cedar: its kind is its type."""
    return {"type": RESOURCE_TYPES[resource.kind], "id": resource.id}


def entities(who: Principal, resource: Resource) -> str:
    """Return what is known of the caller and of the resource, as a Cedar entities document."""
    caller = _place(who.tenant, who.environment)
    thing = {"sensitivity": resource.sensitivity.value, **_place(resource.tenant, resource.environment)}
    if resource.holder is not None:
        thing["holder"] = resource.holder.value
    return json.dumps(
        [
            {"uid": principal_uid(who), "attrs": caller, "parents": []},
            {"uid": resource_uid(resource), "attrs": thing, "parents": []},
        ]
    )


def circumstances(who: Principal, action: Action, resource: Resource, *, production: bool) -> dict[str, bool]:
    """Return what holds at the moment of asking: whether the caller is elevated, and for this very thing."""
    elevation = who.elevation
    covered = elevation is not None and elevation.tenant == resource.tenant and action.value in elevation.actions
    return {"elevated": elevation is not None, "covered": covered, "production": production}


def _place(tenant: object, environment: object) -> dict[str, str]:
    """Return the attributes of a place, leaving out what is not known."""
    known = {"tenant": tenant, "environment": environment}
    return {name: str(value) for name, value in known.items() if value is not None}
