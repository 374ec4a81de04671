-- What comes with the first primitive, and what the corridor still lacked.

-- (corridor: workers, measures, canary)

-- (corridor: step-down)

-- (corridor: followers that are waited for)

-- (usage)

-- (chat: threads, participants, messages, receipts)

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

