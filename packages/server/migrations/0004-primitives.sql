-- What comes with the first primitive, and what the corridor still lacked.

-- (corridor: workers, measures, canary)

-- (corridor: step-down)

-- (corridor: followers that are waited for)

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
  meter text collate "C" not null check (length(meter) between 1 and 64),
  used bigint not null default 0 check (used >= 0),
  purged bigint not null default 0 check (purged >= 0),
  primary key (resource_id, record_number)
);

create table usage_hour (
  resource_id uuid not null,
  hour timestamptz not null,
  meter text collate "C" not null check (length(meter) between 1 and 64),
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

