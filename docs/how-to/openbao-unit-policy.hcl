# What Strongroom's role in a business unit's own namespace (units/NAME) may do: keep the keys and secrets of that unit's
# tenants there. It reaches nothing outside of the namespace that it is written in. Replace `strongroom` where `vault.mount`
# says otherwise.

path "strongroom-kv/*"        { capabilities = ["create", "read", "update", "delete", "list"] }
path "strongroom-transit/*"   { capabilities = ["create", "read", "update", "delete", "list"] }
# To mount the two engines, and to unmount them when the unit is dissolved.
path "sys/mounts/strongroom-kv"      { capabilities = ["create", "update", "delete"] }
path "sys/mounts/strongroom-transit" { capabilities = ["create", "update", "delete"] }
