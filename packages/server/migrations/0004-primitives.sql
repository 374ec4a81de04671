-- What comes with the first primitive, and what the corridor still lacked.

-- (corridor: workers, measures, canary)

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

-- (usage)

-- (chat: threads, participants, messages, receipts)

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
