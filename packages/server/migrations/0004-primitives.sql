-- What comes with the first primitive, and what the corridor still lacked.

-- When an event was appended, right before its commit. Nothing is decided by it: a node compares it
-- with this database's clock at the moment when it has applied the event, and measures so how long
-- that took. The commit itself is within the measure. Absent: appended before this column was.
alter table revocation_event add column appended_at timestamptz;
alter table revocation_event alter column appended_at set default clock_timestamp();

-- The notice of a commit is what it was, since servers of the version before read it too. Before it
-- goes another one, appended:last:microseconds, which those take for nobody's and leave alone; both
-- come together and in this order.
create or replace function announce_events() returns trigger language plpgsql as $$
declare
  batch record;
begin
  select
    min(seq) - 1 || ':' || max(seq) as place,
    'appended:' || max(seq) || ':'
      || floor(extract(epoch from min(appended_at)) * 1000000) as instant,
    count(*) = max(seq) - min(seq) + 1
      and min(kind) = max(kind)
      and min(resource_id::text) = max(resource_id::text)
      and min(forget_at) = max(forget_at) as is_one_cause,
    ':' || min(kind) || ':' || min(resource_id::text) || ':'
      || floor(extract(epoch from min(forget_at)) * 1000) || ':' as cause,
    string_agg(subject || '=' || generation, ',' order by seq) as subjects
  into batch
  from appended;
  if batch.place is null then
    return null;
  end if;
  if batch.is_one_cause and length(batch.subjects) < 7800 then
    perform pg_notify('parley_event', batch.instant);
    perform pg_notify('parley_event', batch.place || batch.cause || batch.subjects);
  else
    -- Whoever has to read the events reads with them when they were appended.
    perform pg_notify('parley_event', batch.place);
  end if;
  return null;
end
$$;

-- (corridor: step-down)

-- Stepping down takes scopes from the tokens of an identity and not the tokens: the log says of each
-- scope from which generation on it counts.
alter table revocation_event
  drop constraint revocation_event_kind_check,
  add constraint revocation_event_kind_check check (
    kind in (
      'identity', 'access-key', 'resource', 'token', 'identity-scope',
      'resource-changed', 'signing-keys-changed'
    )
  );

-- Which scopes were taken from an identity, for the list of live tokens.
create index revocation_event_scope on revocation_event (resource_id, left(subject, 36))
where kind = 'identity-scope';

-- A step-down starts a generation of its identity and voids none of the former ones: this is the
-- lowest that still counts. Absent while that is the present one, as after every revocation; so no
-- row is written here for those who are never stepped down.
alter table identity
  add column live_from_generation bigint,
  add check (live_from_generation between 1 and generation);

-- (corridor: followers that are waited for)
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

-- Rooms: where a call is set up beforehand. Ids grow with time, so the key is also the order of
-- their list.
create table room (
  resource_id uuid not null references resource on delete cascade,
  room_id bigint not null check (room_id > 0),
  created_at timestamptz not null,
  valid_from timestamptz not null,
  valid_until timestamptz not null check (valid_until > valid_from),
  is_dial_out_enabled boolean not null default false,
  -- Names the request that made it: asked again, the same room is the answer.
  repeatability_id uuid,
  primary key (resource_id, room_id)
);

create unique index room_repeatability on room (resource_id, repeatability_id)
where repeatability_id is not null;

create table room_participant (
  resource_id uuid not null,
  room_id bigint not null,
  identity_id uuid not null,
  role text not null check (role in ('Presenter', 'Attendee', 'Consumer', 'Collaborator')),
  primary key (resource_id, room_id, identity_id),
  foreign key (resource_id, room_id) references room on delete cascade,
  foreign key (resource_id, identity_id) references identity on delete cascade
);

-- The rooms of an identity, and the cascade from it.
create index room_participant_identity on room_participant (resource_id, identity_id);
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


-- Calls. Instants of calls are the server's; only whether a node lives is judged by the clock of the
-- database, which all nodes share.
create table call (
  resource_id uuid not null references resource on delete cascade,
  call_id uuid not null,
  media text not null check (media in ('audio', 'video')),
  engine text not null,
  -- The room that it is held in; no foreign key, since the record outlives the room.
  room_id bigint,
  -- Whether whoever knows its id may come in.
  is_joinable boolean not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  primary key (resource_id, call_id),
  check ((ended_at is null) = (end_reason is null))
);

-- A room has one call at a time: of two who start it, one joins the other's.
create unique index call_of_room on call (resource_id, room_id)
where ended_at is null and room_id is not null;

create index call_list on call (resource_id, created_at, call_id);

-- One device in one call. Deleting an identity takes its name off; whoever then ends the leg still
-- finds how long it was, and deletes it.
create table call_leg (
  resource_id uuid not null,
  call_id uuid not null,
  leg_id uuid not null,
  identity_id uuid,
  device_id uuid not null,
  direction text not null check (direction in ('started', 'answered', 'joined')),
  role text not null check (role in ('Presenter', 'Attendee', 'Consumer', 'Collaborator')),
  is_muted boolean not null default false,
  joined_at timestamptz not null,
  -- When it was no longer alone; what is charged begins here.
  connected_at timestamptz,
  -- How much of it is counted already, and when that was.
  counted_seconds integer not null default 0,
  counted_at timestamptz,
  ended_at timestamptz,
  end_reason text,
  primary key (resource_id, call_id, leg_id),
  foreign key (resource_id, call_id) references call on delete cascade,
  foreign key (resource_id, identity_id) references identity on delete set null (identity_id)
);

create index call_leg_identity on call_leg (resource_id, identity_id);
create index call_leg_device on call_leg (resource_id, device_id) where ended_at is null;
create index call_leg_live on call_leg (counted_at) where ended_at is null;

-- A device has one leg in a call.
create unique index call_leg_of_device on call_leg (resource_id, call_id, device_id)
where ended_at is null;

-- Who was called, and how that stands.
create table call_ring (
  resource_id uuid not null,
  call_id uuid not null,
  identity_id uuid not null,
  state text not null check (
    state in ('ringing', 'accepted', 'rejected', 'timeout', 'cancelled')
  ),
  expires_at timestamptz not null,
  primary key (resource_id, call_id, identity_id),
  foreign key (resource_id, call_id) references call on delete cascade,
  foreign key (resource_id, identity_id) references identity on delete cascade
);

create index call_ring_identity on call_ring (resource_id, identity_id);
create index call_ring_due on call_ring (expires_at) where state = 'ringing';

-- A client at a socket, or away from it for a moment.
create table call_device (
  resource_id uuid not null,
  device_id uuid not null,
  identity_id uuid not null,
  -- The socket that it has or had last.
  session_id uuid not null,
  -- Hash of what takes the place of that socket; absent once it is too late.
  resume_hash bytea,
  last_seq bigint not null default 0,
  -- When its node said last that it lives.
  seen_at timestamptz not null,
  -- Since when it has no socket.
  lost_at timestamptz,
  primary key (resource_id, device_id),
  foreign key (resource_id, identity_id) references identity on delete cascade
);

create index call_device_identity on call_device (resource_id, identity_id);
create index call_device_lost on call_device (lost_at) where lost_at is not null;

-- What devices are told, for some seconds.
create table call_frame (
  resource_id uuid not null,
  device_id uuid not null,
  seq bigint not null,
  -- Whom it names, and with whom it goes.
  identity_id uuid,
  body text not null,
  told_at timestamptz not null,
  primary key (resource_id, device_id, seq),
  foreign key (resource_id, device_id) references call_device on delete cascade,
  foreign key (resource_id, identity_id) references identity on delete cascade
);

create index call_frame_identity on call_frame (resource_id, identity_id);
create index call_frame_age on call_frame (told_at);

-- Whoever is taken off the list of a room, and whoever is in one that is closed, leaves its call: the
-- nodes are told to look.
create function tell_calls_of_rooms() returns trigger language plpgsql as $$
begin
  perform pg_notify('parley_calls', concerned.resource_id || E'\n*')
  from (
    select distinct changed.resource_id
    from changed
    join call
      on call.resource_id = changed.resource_id
      and call.room_id = changed.room_id
      and call.ended_at is null
  ) as concerned;
  return null;
end
$$;

create trigger room_participant_left after delete on room_participant
referencing old table as changed
for each statement execute function tell_calls_of_rooms();

create trigger room_window_moved after update on room
referencing new table as changed
for each statement execute function tell_calls_of_rooms();
