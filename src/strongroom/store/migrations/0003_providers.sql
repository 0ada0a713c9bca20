-- Upstreams outside this machine, and deployments that name them.
select; -- to be written
