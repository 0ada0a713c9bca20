-- Counters of what was used, leased to the gateways.
select; -- to be written
