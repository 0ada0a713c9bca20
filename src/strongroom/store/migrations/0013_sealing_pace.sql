-- Sealing looks at every row of an entry's table where the planner scans it: what is asked of each row must cost nothing.
--
-- The subquery of `keeper_reseal` was evaluated for every sealed row. Now it is asked only by who says that it lets go of an epoch.

drop policy keeper_reseal on audit.entry;
create policy keeper_reseal on audit.entry for update to sr_keeper
    using (current_setting('strongroom.letting_go', true) = 'on'
           and seq >= (select l.signed_size from audit.log l
                       where l.tenant_id = entry.tenant_id and l.epoch = entry.epoch and l.ended_at is not null))
    with check (sealed_at is null);
drop policy keeper_reseal on audit.platform_entry;
create policy keeper_reseal on audit.platform_entry for update to sr_keeper
    using (current_setting('strongroom.letting_go', true) = 'on'
           and seq >= (select l.signed_size from audit.log l
                       where l.tenant_id = '00000000-0000-0000-0000-000000000000' and l.epoch = platform_entry.epoch
                         and l.ended_at is not null))
    with check (sealed_at is null);
