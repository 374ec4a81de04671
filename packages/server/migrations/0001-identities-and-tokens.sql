-- The first tables: who pays (subscription), what they own (resource), who may sign for it (access
-- key), who talks in it (identity), what was handed out (access token) and what was taken back
-- (revocation event).
--
-- Every key but those of the few global tables starts with resource_id, and every statement says
-- which resource it means, so that the same tables can be distributed by that column. What belongs
-- to a resource reaches it through cascading foreign keys: deleting a resource leaves nothing.
--
-- Instants are given by the server, never by now() here: its clock is the one that tests move.
-- Written for PostgreSQL 15.

-- The tenancy that an administrator works in. Global.
create table subscription (
  subscription_id uuid primary key,
  created_at timestamptz not null
);

-- What has an endpoint, keys and identities of its own.
create table resource (
  resource_id uuid primary key,
  subscription_id uuid not null references subscription on delete cascade,
  resource_group text not null,
  name text not null,
  data_location text not null,
  created_at timestamptz not null
);

-- The name is part of a host name, and host names have no case.
create unique index resource_name on resource (lower(name));

-- Deleting a subscription finds its resources by this.
create index resource_subscription on resource (subscription_id);

-- Two keys a resource, so that one can be replaced while clients use the other. The generation
-- counts the replacements; tokens carry it, and one of an older generation is void. Its range is
-- that of the claim: 2^32-1 means deleted and is never issued.
create table access_key (
  resource_id uuid not null references resource on delete cascade,
  slot text not null check (slot in ('primary', 'secondary')),
  generation bigint not null default 1 check (generation between 1 and 4294967294),
  -- Encrypted under the master key, which never enters the database.
  sealed_key bytea not null,
  created_at timestamptz not null,
  primary key (resource_id, slot)
);

-- Nothing here says who somebody is. The application knows that; a custom id is kept as a keyed
-- hash only, to find the identity again by it.
create table identity (
  resource_id uuid not null references resource on delete cascade,
  identity_id uuid not null,
  generation bigint not null default 1 check (generation between 1 and 4294967294),
  custom_id_hash bytea,
  created_at timestamptz not null,
  -- What the tokens that have expired say; those that have not are asked themselves, so that
  -- issuing a token need not write here. Partitions are folded into it when they are dropped.
  last_token_issued_at timestamptz,
  primary key (resource_id, identity_id)
);

-- One identity for a custom id; asking twice gives the same one. Most identities have none.
create unique index identity_custom_id on identity (resource_id, custom_id_hash)
where custom_id_hash is not null;

-- The ledger of what is out there: who can still get in, and until when. Not the token itself.
--
-- Partitioned by expiry, because that is when a row loses its meaning: a whole partition is then
-- dropped, which costs nothing however many tokens it held. The key holds expires_at because the
-- key of a partitioned table must; jti alone is random and unique.
create table access_token (
  resource_id uuid not null,
  identity_id uuid not null,
  jti uuid not null,
  -- One bit for each scope, in the order of the protocol package.
  scopes smallint not null check (scopes > 0),
  -- The access key it was issued under; both absent for a caller that came with a bearer.
  access_key_slot text check (access_key_slot in ('primary', 'secondary')),
  access_key_generation bigint check (access_key_generation between 1 and 4294967294),
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (resource_id, jti, expires_at),
  foreign key (resource_id, identity_id) references identity on delete cascade,
  check ((access_key_slot is null) = (access_key_generation is null))
) partition by range (expires_at);

-- The tokens of one identity, and the cascade from it.
create index access_token_identity on access_token (resource_id, identity_id);

-- The feed: every cut-off, in the order of commits, until the last token it could void is expired.
--
-- No foreign key, and so no cascade, on purpose: an event outlives what it names. The cut-off of a
-- deleted resource must be read by every verifier for as long as a token of that resource could be
-- shown, which is after the resource has gone. It is removed when forget_at has passed.
create table revocation_event (
  resource_id uuid not null,
  seq bigint not null unique check (seq > 0),
  kind text not null check (kind in ('identity', 'access-key', 'resource', 'token')),
  -- Identity id, slot of the access key, resource id or jti, as the kind says.
  subject text not null,
  -- The lowest generation that still counts; 2^32-1 when none does.
  generation bigint not null check (generation between 2 and 4294967295),
  forget_at timestamptz not null,
  primary key (resource_id, seq)
);

-- Forgetting what is over.
create index revocation_event_forget on revocation_event (forget_at);

-- The last number of the feed. A writer takes its numbers by updating the one row at the end of its
-- transaction and holds the row until it commits, so numbers become visible in their order and
-- reading "after the last I saw" misses none. A sequence gives numbers in the order of asking:
-- readers lost 0.7-0.9 % of the events that way. Global.
create table event_sequence (
  is_only_row boolean primary key default true check (is_only_row),
  last_seq bigint not null check (last_seq >= 0)
);

insert into event_sequence (last_seq) values (0);

-- What tokens are signed with. The public half is published until the last token it signed has
-- expired; the private half is encrypted under the master key. Global.
create table signing_key (
  kid text primary key,
  algorithm text not null,
  public_jwk jsonb not null,
  sealed_private_key bytea not null,
  created_at timestamptz not null,
  retired_at timestamptz
);

-- Names this installation, and holds its own secrets, encrypted under the master key: the key of
-- the hash of custom ids, and the static bearer of the administrator. Global; the row is written by
-- the first server that starts.
create table installation (
  is_only_row boolean primary key default true check (is_only_row),
  installation_id uuid not null,
  sealed_custom_id_key bytea not null,
  sealed_admin_token bytea not null,
  created_at timestamptz not null
);
