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

-- Phones. Trunks and routes of a resource, as they are shown: small, and read and written whole.
create table sip_configuration (
  resource_id uuid not null references resource on delete cascade,
  trunks json not null,
  routes json not null,
  primary key (resource_id)
);

-- What a resource allows its calls to phones; no row: nothing. Whoever dials holds a lock of the
-- resource, so that of two calls one is counted before the other is judged.
create table phone_settings (
  resource_id uuid not null references resource on delete cascade,
  is_enabled boolean not null,
  countries text[] not null,
  refused_prefixes text[] not null,
  concurrent_max integer not null,
  per_minute_max integer not null,
  duration_seconds_max integer not null,
  identity_seconds_per_day_max integer not null,
  primary key (resource_id)
);

create table phone_number (
  resource_id uuid not null references resource on delete cascade,
  number text not null,
  -- Whom it rings; absent once that identity is deleted.
  identity_id uuid,
  created_at timestamptz not null,
  primary key (resource_id, number),
  foreign key (resource_id, identity_id) references identity on delete set null (identity_id)
);

-- A number is of one resource of all: a call that comes in says no more than it.
create unique index phone_number_owner on phone_number (number);

create index phone_number_identity on phone_number (resource_id, identity_id);

-- What a resource has dialled of late, for its caps.
create index call_leg_phone on call_leg (resource_id, joined_at) where phone is not null;

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
