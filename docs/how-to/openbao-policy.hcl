# What Strongroom's role may do: make, use, rotate and delete the tenants' keys under its own mounts, and nothing else.
# Replace `strongroom` where `vault.mount` says otherwise. A policy of a namespace reaches into those below it: `+` stands
# for a tenant's namespace. Leave out the second half when `vault.separation` is `names`.

path "strongroom-kv/*"        { capabilities = ["create", "read", "update", "delete", "list"] }
path "strongroom-transit/*"   { capabilities = ["create", "read", "update", "delete", "list"] }
# To mount the two engines; leave it out after mounting them yourself.
path "sys/mounts/strongroom-kv"      { capabilities = ["create", "update"] }
path "sys/mounts/strongroom-transit" { capabilities = ["create", "update"] }

path "sys/namespaces/+"         { capabilities = ["create", "read", "update", "delete"] }
path "+/strongroom-kv/*"        { capabilities = ["create", "read", "update", "delete", "list"] }
path "+/strongroom-transit/*"   { capabilities = ["create", "read", "update", "delete", "list"] }
path "+/sys/mounts/strongroom-kv"      { capabilities = ["create", "update"] }
path "+/sys/mounts/strongroom-transit" { capabilities = ["create", "update"] }
