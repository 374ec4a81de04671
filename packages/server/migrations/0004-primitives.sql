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

-- Chat: a thread, who takes part in it, what was said, and how far each has read.
--
-- The row of a thread is where everything that is written to it stands in line: it gives messages
-- their ids and their sequence, and roster counts the changes of who takes part, so that a statement
-- which judged by an older roster knows it and asks again.
create table chat_thread (
  resource_id uuid not null references resource on delete cascade,
  thread_id uuid not null,
  topic text not null,
  -- Whole seconds, as the wire says it.
  created_at timestamptz not null,
  -- No foreign key: a thread outlives who created it.
  created_by uuid not null,
  metadata jsonb,
  -- Days after its creation that it is deleted; absent: it is kept.
  delete_after_days integer check (delete_after_days > 0),
  delete_at timestamptz,
  -- Deleted for everybody; its rows are being purged.
  deleted_at timestamptz,
  -- Milliseconds since 1970, and one of its kind in the thread.
  last_message_id bigint not null,
  last_sequence bigint not null,
  roster bigint not null default 1,
  -- What the client calls its creation, and the answer that it got: asked again, it gets it again.
  repeatability_id text,
  created_answer jsonb,
  primary key (resource_id, thread_id),
  check ((delete_after_days is null) = (delete_at is null))
) with (fillfactor = 70);

create unique index chat_thread_repeatability
on chat_thread (resource_id, created_by, repeatability_id)
where repeatability_id is not null;

-- Retention: what is due.
create index chat_thread_due on chat_thread (delete_at)
where delete_at is not null and deleted_at is null;

-- What is left to purge.
create index chat_thread_deleted on chat_thread (resource_id, thread_id)
where deleted_at is not null;

-- Who takes part, or did: whoever was removed goes on reading what was there. Deleting an identity
-- takes it out of every thread at once.
create table chat_participant (
  resource_id uuid not null,
  thread_id uuid not null,
  identity_id uuid not null,
  display_name text not null,
  metadata jsonb,
  -- Older messages are not for this participant.
  share_history_at timestamptz not null,
  -- The order in which participants are listed.
  position bigint not null,
  -- The last message that whoever was removed may read; absent: takes part.
  removed_at_message bigint,
  primary key (resource_id, thread_id, identity_id),
  foreign key (resource_id, thread_id) references chat_thread on delete cascade,
  foreign key (resource_id, identity_id) references identity on delete cascade
);

-- The threads of somebody, the newest first, and the cascade from an identity.
create index chat_participant_identity
on chat_participant (resource_id, identity_id, thread_id);

-- What was said, and what the thread says of itself. The key is the order of the pages.
create table chat_message (
  resource_id uuid not null,
  thread_id uuid not null,
  -- When it was stored, milliseconds since 1970, or just after the message before it.
  message_id bigint not null,
  sequence bigint not null,
  kind text not null check (
    kind in ('text', 'html', 'topicUpdated', 'participantAdded', 'participantRemoved')
  ),
  -- Who sent it, or did what it tells. No foreign key: deleting an identity would delete perhaps a
  -- million messages in its transaction. They are out of sight at once, because reading looks
  -- whether their sender is there, and the purge takes them (chat_erasure).
  sender_id uuid not null,
  sender_display_name text not null default '',
  -- Message or topic; absent once it is deleted.
  content text,
  metadata jsonb,
  version bigint not null,
  edited_at timestamptz,
  deleted_at timestamptz,
  primary key (resource_id, thread_id, message_id),
  foreign key (resource_id, thread_id) references chat_thread on delete cascade
);

-- The messages of an identity, for its purge.
create index chat_message_sender on chat_message (resource_id, sender_id)
where kind in ('text', 'html');

-- Whom a message of the system is about. Names are in rows of their own, so that they go with their
-- identity.
create table chat_message_person (
  resource_id uuid not null,
  thread_id uuid not null,
  message_id bigint not null,
  identity_id uuid not null,
  display_name text not null,
  share_history_at timestamptz,
  position integer not null,
  primary key (resource_id, thread_id, message_id, identity_id),
  foreign key (resource_id, thread_id, message_id) references chat_message on delete cascade,
  foreign key (resource_id, identity_id) references identity on delete cascade
);

-- The cascade from an identity.
create index chat_message_person_identity on chat_message_person (resource_id, identity_id);

-- How far each participant has read.
create table chat_receipt (
  resource_id uuid not null,
  thread_id uuid not null,
  identity_id uuid not null,
  message_id bigint not null,
  read_at timestamptz not null,
  primary key (resource_id, thread_id, identity_id),
  foreign key (resource_id, thread_id, identity_id) references chat_participant on delete cascade
);

-- Identities that are deleted and may have messages left. A row is deleted with the last of them:
-- who sends is held, so nothing follows.
create table chat_erasure (
  resource_id uuid not null references resource on delete cascade,
  identity_id uuid not null,
  primary key (resource_id, identity_id)
);

-- Whatever deletes an identity leaves a note, so that no cause can forget to.
create function note_chat_erasure() returns trigger language plpgsql as $$
begin
  insert into chat_erasure (resource_id, identity_id)
  select gone.resource_id, gone.identity_id
  from gone
  join resource on resource.resource_id = gone.resource_id and resource.deleted_at is null
  on conflict do nothing;
  return null;
end
$$;

create trigger identity_chat_erased after delete on identity
referencing old table as gone
for each statement execute function note_chat_erasure();

-- (chat: realtime)

-- What was told in the last minutes, for those who are away for a moment. It is a copy, so neither
-- table is logged: after a crash of PostgreSQL they are empty, and clients read what is stored.
create sequence chat_notice_seq;

create unlogged table chat_notice (
  resource_id uuid not null,
  -- In the order in which numbers were taken, which may differ from that of the commits.
  seq bigint not null,
  -- Who did it, if anybody: what somebody wrote goes with him.
  identity_id uuid,
  -- The ids of those who are told, 22 characters each, one after the other.
  recipients text not null,
  body text not null,
  told_at timestamptz not null,
  primary key (resource_id, seq),
  foreign key (resource_id, identity_id) references identity on delete cascade
);

create index chat_notice_identity on chat_notice (resource_id, identity_id);

-- How far each client has heard, so that it goes on from there on any node.
create unlogged table chat_endpoint (
  resource_id uuid not null,
  identity_id uuid not null,
  -- What the client calls itself.
  endpoint_id text not null check (length(endpoint_id) between 1 and 128),
  -- The connection that it has or had last.
  session_id uuid not null,
  -- All notices up to this number were heard, and of those above it these.
  floor_seq bigint not null,
  heard_seqs bigint[] not null,
  seen_at timestamptz not null,
  primary key (resource_id, identity_id, endpoint_id),
  foreign key (resource_id, identity_id) references identity on delete cascade
);

