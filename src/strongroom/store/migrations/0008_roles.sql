-- Who answers for a workload and what it is for, and four roles more that one can have.

alter table identity.workload drop constraint workload_role_check;
alter table identity.workload add constraint workload_role_check
    check (role in ('inference', 'evaluation', 'ingestion', 'training', 'support', 'notebook'));
-- The policies say so first; this holds for whatever goes around them.
alter table identity.workload add constraint workload_notebook_check check (role <> 'notebook' or environment <> 'prod');
alter table identity.workload
    add column team    text not null default '',
    add column pager   text not null default '',
    add column purpose text not null default '';
-- Force row security ties the owner's hands too, and this is the owner: it gives what is there already its answers.
alter table identity.workload no force row level security;
update identity.workload set team = owner, pager = owner,
    purpose = case role when 'inference' then 'asks models' else 'measures models' end;
alter table identity.workload force row level security;
alter table identity.workload
    alter column team drop default, alter column pager drop default, alter column purpose drop default,
    add check (team <> ''), add check (pager <> ''), add check (purpose <> '');
comment on column identity.workload.pager is 'whom to wake: a rota, an address or a telephone number, in words';
grant update (team, pager, purpose) on identity.workload to sr_control;

alter table identity.key add column purpose text not null default '';
comment on column identity.key.purpose is 'what this key is for, where that is narrower than what its workload is for';
grant select (purpose) on identity.key to sr_operator;
