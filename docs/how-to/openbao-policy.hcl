# What Strongroom's role may do: make, use, rotate and delete the tenants' keys under its own mounts, sign releases, and nothing
# else.
# Replace `strongroom` where `vault.mount` says otherwise. A policy of a namespace reaches into those below it: `+` stands
# for a tenant's namespace. Leave out the second half when `vault.separation` is `names`.

path "strongroom-kv/*"        { capabilities = ["create", "read", "update", "delete", "list"] }
path "strongroom-transit/*"   { capabilities = ["create", "read", "update", "delete", "list"] }
# To mount the two engines; leave it out after mounting them yourself.
path "sys/mounts/strongroom-kv"      { capabilities = ["create", "update"] }
path "sys/mounts/strongroom-transit" { capabilities = ["create", "update"] }

# Keys that sign releases: made, turned, looked at and signed by, in one way. Nothing here exports, backs up, reconfigures or
# deletes one.
path "strongroom-signing/cache-config"     { capabilities = ["read"] }
path "strongroom-signing/keys"             { capabilities = ["list"] }
path "strongroom-signing/keys/"            { capabilities = ["list"] }
path "strongroom-signing/keys/+"           { capabilities = ["create", "read", "update"] }
path "strongroom-signing/keys/+/rotate"    { capabilities = ["update"] }
path "strongroom-signing/sign/+/sha2-256"  { capabilities = ["create", "update"] }
path "sys/mounts/strongroom-signing"       { capabilities = ["create", "update"] }

path "sys/namespaces/+"         { capabilities = ["create", "read", "update", "delete"] }
path "+/strongroom-kv/*"        { capabilities = ["create", "read", "update", "delete", "list"] }
path "+/strongroom-transit/*"   { capabilities = ["create", "read", "update", "delete", "list"] }
path "+/sys/mounts/strongroom-kv"      { capabilities = ["create", "update"] }
path "+/sys/mounts/strongroom-transit" { capabilities = ["create", "update"] }
