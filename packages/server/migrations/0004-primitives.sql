-- What comes with the first primitive, and what the corridor still lacked.

-- (corridor: workers, measures, canary)

-- (corridor: step-down)

-- Secrets by which a verifier elsewhere may read the cut-offs of its resource, and nothing else. Of
-- the secret there is a keyed hash. A deleted one is told of in the log as a change of its resource
-- with the credential as its subject: servers of the version before read the resource again, close
-- all that is open in it, and know no credential anyway.
create table verifier_credential (
  resource_id uuid not null references resource on delete cascade,
  credential_id uuid not null,
  name text not null check (length(name) <= 64),
  secret_hash bytea not null check (length(secret_hash) = 32),
  may_be_waited_for boolean not null,
  created_at timestamptz not null,
  rotated_at timestamptz,
  expires_at timestamptz,
  primary key (resource_id, credential_id)
);

-- Verifiers elsewhere that a voiding of their resource waits for, as it does for nodes. No instant
-- stands here, as none does of nodes. A row outlives its resource and its credential on purpose: the
-- deletion of either waits for the very verifiers that came by it, and a follower that is told
-- nothing more holds what is left of its lease. Rows are taken out by the follower at its end, or by
-- whoever saw them stand still for their wait.
create table revocation_follower (
  resource_id uuid not null,
  follower_id uuid not null,
  renewals bigint not null check (renewals > 0),
  -- Every cut-off of the resource up to this one is known there.
  applied_seq bigint not null check (applied_seq >= 0),
  -- For so long it is waited for, on the clock of who waits.
  wait_ms integer not null check (wait_ms between 1 and 10000),
  primary key (resource_id, follower_id)
) with (fillfactor = 20);

-- What was used, hour by hour, and nothing about who used it.
--
-- A statement that stores something that is charged adds a record here, in the same transaction;
-- only inserts, so no two statements and no two nodes ever wait for one another. House-keeping folds
-- records into usage_hour: what is told is always the sum of both, read in one statement.
--
-- used grows when something is stored, purged when it is deleted from its table for good: so
-- used - purged is what is there, which anybody can count again, and a purge never changes a bill.
--
-- No foreign key, and so no cascade, on purpose: the bill of a deleted resource must be readable
-- until it is settled. Hours are deleted when the administrator says so, or by their age.
create table usage_record (
  resource_id uuid not null,
  record_number bigint generated always as identity,
  -- Its beginning.
  hour timestamptz not null,
  meter text not null check (length(meter) between 1 and 64),
  used bigint not null default 0 check (used >= 0),
  purged bigint not null default 0 check (purged >= 0),
  primary key (resource_id, record_number)
);

create table usage_hour (
  resource_id uuid not null,
  hour timestamptz not null,
  meter text not null check (length(meter) between 1 and 64),
  used bigint not null check (used >= 0),
  purged bigint not null check (purged >= 0),
  primary key (resource_id, hour, meter)
);

-- Forgetting what is old.
create index usage_hour_hour on usage_hour (hour);

-- Which web pages may read answers of a resource: origins, or one *. Absent: as the server is set.
alter table resource
  -- For what is called with access tokens, by people's browsers.
  add column cors_user_origins text[],
  -- For what is called with access keys and bearers, by the resource's owner.
  add column cors_owner_origins text[];

-- (chat: threads, participants, messages, receipts)

-- (chat: realtime)

