"""Keys of tenants, as people manage them: looked at, rotated, destroyed.

Always true here:
- no answer holds a key, wrapped or not;
- destroying a tenant's keys ends the tenant first: nobody is served by a tenant whose data cannot be opened;
- who asked is in the log before anything is destroyed.
"""

from strongroom.identity.tenantkeys.service import TenantKeys

__all__ = ["TenantKeys"]
