-- The control plane: what an administrator sets on subscriptions and resources, keys that go on for
-- a while after they were replaced, assignments of Entra users, the purge of what was deleted, and
-- the audit log.
--
-- The version before runs on this schema: every column has a default, and what it does not know is
-- either absent or something that only this version writes.

alter table subscription
  add column display_name text not null default '',
  -- Cancelled is Disabled, as the wire has it: to be read and deleted, and nothing else.
  add column state text not null default 'Enabled' check (state in ('Enabled', 'Disabled')),
  -- Deleted for everybody. The row waits for those of its resources, which are purged first.
  add column deleted_at timestamptz;

alter table resource
  add column location text not null default 'global',
  add column tags jsonb not null default '{}',
  -- Kept as it was given: Parley has no cloud in which such an identity could act.
  add column managed_identity jsonb,
  add column linked_domains jsonb,
  add column notification_hub_id text,
  add column public_network_access text not null default 'Enabled',
  add column is_local_auth_disabled boolean not null default false,
  -- Who made it and who changed it last, as the audit log names them.
  add column created_by text not null default '',
  add column updated_by text not null default '',
  add column updated_at timestamptz,
  -- Deleted for everybody, and on its way out: its rows are purged in the background, this one last.
  add column deleted_at timestamptz;

-- Whether anything may still be made in a resource: what the statement that makes it reads. A view
-- and not a part of each statement's text, which the server would put together anew every time.
create view resource_standing as
select
  resource.resource_id,
  case
    when resource.deleted_at is not null then 'resource-deleted'
    when subscription.state <> 'Enabled' then 'subscription-disabled'
    else 'live'
  end as standing
from resource
join subscription on subscription.subscription_id = resource.subscription_id;

-- The name is free again the moment the resource is deleted, not when the last row has gone.
drop index resource_name;
create unique index resource_name on resource (lower(name)) where deleted_at is null;

-- A key that was regenerated with an overlap: it goes on beside its successor until then.
alter table access_key
  add column former_generation bigint,
  add column former_sealed_key bytea,
  add column former_until timestamptz,
  add column last_used_at timestamptz,
  -- Whether anybody still uses it is what is asked before an overlap ends.
  add column former_last_used_at timestamptz,
  add check (
    (former_generation is null) = (former_sealed_key is null)
    and (former_generation is null) = (former_until is null)
    and former_generation < generation
  );

-- What is due, found without reading every key.
create index access_key_former on access_key (former_until) where former_until is not null;

-- Which Entra users may exchange their tokens for those of a resource. The ids are those of the
-- directory, opaque here; who they are, and which identity each has, is not written down: that is
-- found again by a keyed hash, as with a customId.
create table entra_assignment (
  resource_id uuid not null references resource on delete cascade,
  -- Of people for the primitives, or of Teams users and resource accounts for their extension.
  family text not null check (family in ('entra', 'teamsExtension')),
  tenant_id text not null,
  object_id text not null,
  principal_type text not null check (principal_type in ('user', 'group', 'tenant', 'resourceAccount')),
  client_ids text[] not null,
  created_at timestamptz not null,
  primary key (resource_id, family, tenant_id, object_id)
);

-- In the path of an assignment of people stands the object alone.
create unique index entra_assignment_object on entra_assignment (resource_id, object_id)
where family = 'entra';

-- How far the purge of a deleted resource is. No foreign key, and so no cascade, on purpose: the
-- report outlives the last row of what it reports on.
create table resource_purge (
  resource_id uuid primary key,
  subscription_id uuid not null,
  resource_group text not null,
  name text not null,
  began_at timestamptz not null,
  identities_deleted bigint not null default 0,
  tokens_deleted bigint not null default 0,
  finished_at timestamptz
);

-- When a signing key starts to sign, and when another one took over. A key is published from its
-- creation to its retirement: before it signs, so that verifiers know it by then, and after, until
-- the last token it signed has expired.
alter table signing_key
  add column signs_from timestamptz,
  add column replaced_at timestamptz;

-- Who did what to which resource, when. Each entry holds the hash of the one before it, so that a
-- row that is changed, taken out or put in shows when the chain is followed. It outlives what it is
-- about: the deletion of a resource is an entry too. Global.
create table audit_entry (
  seq bigint primary key check (seq > 0),
  at_ms bigint not null,
  actor text not null,
  operation text not null,
  -- The path of what it was done to, in the control plane.
  target text not null,
  resource_id uuid,
  request_id text not null,
  previous_hash bytea not null,
  hash bytea not null
);

-- Reading what befell one resource.
create index audit_entry_resource on audit_entry (resource_id, seq) where resource_id is not null;

-- The end of the chain. A writer locks the one row at the end of its transaction and holds it until
-- it commits, so that entries are chained in the order of commits. Global.
create table audit_head (
  is_only_row boolean primary key default true check (is_only_row),
  last_seq bigint not null check (last_seq >= 0),
  last_hash bytea not null
);

insert into audit_head (last_seq, last_hash) values (0, decode(repeat('00', 32), 'hex'));

-- Append-only is not a habit of the server but a rule of the table.
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only';
end
$$;

create trigger audit_entry_append_only before update or delete or truncate on audit_entry
for each statement execute function refuse_audit_change();
