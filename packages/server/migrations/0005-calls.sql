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

-- (relays)

-- Users of the relay (coturn): of a leg of a call, or as an app server or a person asked for one.
--
-- Neither leg nor identity takes a row along. Whoever ends the sessions of a user has to know its
-- name after the cause is gone; only then is the row deleted. It loses its identity at once.
create table relay_user (
  resource_id uuid not null references resource on delete cascade,
  -- Chance, or for a leg a keyed hash of it: it crosses the net in the clear and says nothing.
  user_name text not null check (user_name ~ '^[A-Za-z0-9_-]{22,64}$'),
  realm text not null check (length(realm) between 1 and 127),
  -- MD5 of user:realm:password in hexadecimal, RFC 8489 section 9.2.2. The password is nowhere.
  hmac_key text not null check (hmac_key ~ '^[0-9a-f]{32}$'),
  identity_id uuid,
  -- That of the identity that was meant; stays when the identity goes, so nobody else's is meant.
  identity_generation bigint,
  -- The access key that it was asked for with, or that the token was issued under.
  access_key_slot text,
  access_key_generation bigint,
  -- The access token that it was asked for with.
  token_id uuid,
  -- Which scopes of that token open calls, by their places in the protocol's list.
  scope_places smallint[],
  -- The leg that it is for, and as long as which it lives.
  call_id uuid,
  leg_id uuid,
  -- Whether that leg sends nothing but over a relay.
  is_forced boolean not null default false,
  created_at timestamptz not null,
  -- Absent: as long as the leg.
  expires_at timestamptz,
  -- Since when its sessions are being ended; the one who sets this ends them.
  withdrawn_at timestamptz,
  primary key (resource_id, user_name),
  foreign key (resource_id, identity_id) references identity on delete set null (identity_id),
  check ((call_id is null) = (leg_id is null)),
  check ((access_key_slot is null) = (access_key_generation is null)),
  check (leg_id is not null or expires_at is not null)
);

-- coturn asks by this alone.
create index relay_user_name on relay_user (user_name);
create index relay_user_identity on relay_user (resource_id, identity_id);
create index relay_user_leg on relay_user (resource_id, leg_id) where leg_id is not null;
create index relay_user_token on relay_user (resource_id, token_id) where token_id is not null;
create index relay_user_expiry on relay_user (expires_at) where withdrawn_at is null;
create index relay_user_withdrawn on relay_user (withdrawn_at) where withdrawn_at is not null;

-- Whether the legs of a resource send over relays only.
create table relay_policy (
  resource_id uuid primary key references resource on delete cascade,
  hides_addresses boolean not null
);

-- The users that may allocate. What voids a user is in the rows that it depends on, so it is gone
-- from here with the commit of its cause, whether or not any server is alive to act upon that. The
-- one place where this clock counts: coturn asks, and has none of ours.
create view relay_user_live as
select
  relay_user.resource_id,
  relay_user.user_name,
  relay_user.realm,
  relay_user.hmac_key
from relay_user
join resource_standing
  on resource_standing.resource_id = relay_user.resource_id
  and resource_standing.standing = 'live'
where relay_user.withdrawn_at is null
and (relay_user.expires_at is null or relay_user.expires_at > clock_timestamp())
and (
  relay_user.identity_generation is null
  or exists (
    select
    from identity
    where identity.resource_id = relay_user.resource_id
    and identity.identity_id = relay_user.identity_id
    and coalesce(identity.live_from_generation, identity.generation)
      <= relay_user.identity_generation
  )
)
and (
  relay_user.access_key_slot is null
  or exists (
    select
    from access_key
    where access_key.resource_id = relay_user.resource_id
    and access_key.slot = relay_user.access_key_slot
    and (
      access_key.generation = relay_user.access_key_generation
      or access_key.former_generation = relay_user.access_key_generation
      and access_key.former_until > clock_timestamp()
    )
  )
)
and (
  relay_user.leg_id is null
  or exists (
    select
    from call_leg
    where call_leg.resource_id = relay_user.resource_id
    and call_leg.call_id = relay_user.call_id
    and call_leg.leg_id = relay_user.leg_id
    and call_leg.ended_at is null
  )
)
-- A person asked for it with a token that opened calls: one scope of it that did is enough. A single
-- token that is denied is not looked for here, since its row cannot be found but by reading all: the
-- nodes withdraw its users when they hear of it.
and (
  relay_user.scope_places is null
  or exists (
    select
    from unnest(relay_user.scope_places) as scope (place)
    where not exists (
      select
      from revocation_event
      where revocation_event.kind = 'identity-scope'
      and revocation_event.resource_id = relay_user.resource_id
      and left(revocation_event.subject, 36) = relay_user.identity_id::text
      and revocation_event.subject = relay_user.identity_id::text || '-' || scope.place
      and revocation_event.generation > relay_user.identity_generation
    )
  )
);

-- What coturn reads, under the names and with the columns that it expects. In a schema of its own,
-- so that its account may see this and nothing else. The empty ones are asked for all the time.
create schema parley_turn;

create view parley_turn.turnusers_lt as
select realm::varchar(127), user_name::varchar(512) as name, hmac_key::varchar(128) as hmackey
from relay_user_live;

create view parley_turn.turn_secret as
select ''::varchar(127) as realm, ''::varchar(256) as value where false;

create view parley_turn.allowed_peer_ip as
select ''::varchar(127) as realm, ''::varchar(256) as ip_range where false;

create view parley_turn.denied_peer_ip as
select ''::varchar(127) as realm, ''::varchar(256) as ip_range where false;

create view parley_turn.turn_origin_to_realm as
select ''::varchar(127) as origin, ''::varchar(127) as realm where false;

create view parley_turn.turn_realm_option as
select ''::varchar(127) as realm, ''::varchar(32) as opt, ''::varchar(128) as value where false;
