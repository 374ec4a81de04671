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

create index call_live on call (resource_id) where ended_at is null;

create index call_list on call (resource_id, created_at, call_id);

-- One device or phone in one call. Deleting an identity takes its name off; whoever then ends the leg still
-- finds how long it was, and deletes it.
create table call_leg (
  resource_id uuid not null,
  call_id uuid not null,
  leg_id uuid not null,
  identity_id uuid,
  -- The number of a phone, which has no identity.
  phone text check (identity_id is null or phone is null),
  device_id uuid not null,
  -- When a node said last that it has the line of that phone.
  seen_at timestamptz,
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
-- Those that are to be deleted.
create index call_leg_nameless on call_leg (resource_id)
where identity_id is null and phone is null and ended_at is not null;

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

-- Whoever is deleted rings no more, and whoever called only them waits for nobody.
create function tell_calls_of_rings() returns trigger language plpgsql as $$
begin
  perform pg_notify('parley_calls', concerned.resource_id || E'\n*')
  from (select distinct resource_id from changed where state = 'ringing') as concerned;
  return null;
end
$$;

create trigger call_ring_gone after delete on call_ring
referencing old table as changed
for each statement execute function tell_calls_of_rings();
-- (corridor: a voiding in one round trip)
-- Appends acts to the audit log, in the order of the arrays, and gives how many. The hash of an entry
-- is made of the lines of audit/model.ts. Called last in the transaction of what is told: the end of
-- the chain is locked from here to the commit. An empty resource id stands for none.
create function append_audit(
  at_ms bigint[],
  actors text[],
  operations text[],
  targets text[],
  resource_ids text[],
  request_ids text[]
) returns bigint language plpgsql as $$
declare
  entries constant bigint := cardinality(request_ids);
  seq_before bigint;
  hash bytea;
  owner uuid;
  owners uuid[];
  previous_hashes bytea[];
  hashes bytea[];
begin
  select last_seq, last_hash
  into strict seq_before, hash
  from audit_head
  for update;
  for entry in 1..entries loop
    owner := nullif(resource_ids[entry], '');
    owners[entry] := owner;
    previous_hashes[entry] := hash;
    hash := sha256(convert_to(
      encode(hash, 'hex') || E'\n' || (seq_before + entry) || E'\n' || at_ms[entry] || E'\n' ||
      actors[entry] || E'\n' || operations[entry] || E'\n' || targets[entry] || E'\n' ||
      coalesce(owner::text, '') || E'\n' || request_ids[entry],
      'UTF8'
    ));
    hashes[entry] := hash;
  end loop;
  insert into audit_entry (
    seq, at_ms, actor, operation, target, resource_id, request_id, previous_hash, hash
  )
  select
    seq_before + act.entry, act.at_ms, act.actor, act.operation, act.target, act.owner,
    act.request_id, act.previous_hash, act.hash
  from unnest(
    at_ms, actors, operations, targets, owners, request_ids, previous_hashes, hashes
  ) with ordinality as act (
    at_ms, actor, operation, target, owner, request_id, previous_hash, hash, entry
  );
  update audit_head
  set last_seq = seq_before + entries, last_hash = hash;
  return entries;
end
$$;
