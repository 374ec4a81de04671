-- Several servers on one database: who they are, and what wakes them.

-- The servers that may be accepting tokens at this moment. A row appears when a node has read the
-- log, and is taken out by the node itself at its end, or by whoever saw it silent for a lease.
--
-- No instant stands here, on purpose: the clocks of two machines are never compared. A node counts
-- its renewals, and whoever waits for it measures on a clock of its own how long the count stood
-- still. Rows are written four times a second and more, without an index to keep. Global.
create table node (
  node_id uuid primary key,
  renewals bigint not null check (renewals > 0),
  -- Every event up to this one is known there.
  applied_seq bigint not null check (applied_seq >= 0)
) with (fillfactor = 20);

-- The log also tells the other nodes what they keep in memory and must read again: the row and the
-- keys of a resource, or the signing keys. Nothing is cut off by such an event, so it has no
-- generation, and the verifiers outside never see it.
alter table revocation_event
  drop constraint revocation_event_kind_check,
  drop constraint revocation_event_generation_check,
  add constraint revocation_event_kind_check check (
    kind in (
      'identity', 'access-key', 'resource', 'token', 'resource-changed', 'signing-keys-changed'
    )
  ),
  add constraint revocation_event_generation_check check (
    case
      when kind in ('resource-changed', 'signing-keys-changed') then generation = 0
      else generation between 2 and 4294967295
    end
  );

-- Whatever is appended to the log wakes every node at the commit, so no cause can forget to. The
-- events travel with it where they are of one cause and fit, as
-- before:last@appended_at:kind:resource:forget_at:subject=generation,...; otherwise only
-- before:last@appended_at.
create function announce_events() returns trigger language plpgsql as $$
begin
  perform pg_notify(
    'parley_event',
    place || case when is_one_cause and length(subjects) < 7800 then cause || subjects else '' end
  )
  from (
    select
      min(seq) - 1 || ':' || max(seq)
        || coalesce('@' || floor(extract(epoch from min(appended_at)) * 1000000), '') as place,
      count(*) = max(seq) - min(seq) + 1
        and min(kind) = max(kind)
        and min(resource_id::text) = max(resource_id::text)
        and min(forget_at) = max(forget_at) as is_one_cause,
      ':' || min(kind) || ':' || min(resource_id::text) || ':'
        || floor(extract(epoch from min(forget_at)) * 1000) || ':' as cause,
      string_agg(subject || '=' || generation, ',' order by seq) as subjects
    from appended
  ) as batch
  where place is not null;
  return null;
end
$$;

create trigger revocation_event_announced after insert on revocation_event
referencing new table as appended
for each statement execute function announce_events();

-- The ledger says of each token what could have voided it, so that it can be asked who still gets in.
alter table access_token
  -- Of the identity, as the token carries it. Absent where the version before recorded the token,
  -- which is then taken for live until it expires, unless the statement below knows better.
  add column identity_generation bigint check (identity_generation between 1 and 4294967294),
  -- What the application calls the device that it asked the token for; nobody else reads it.
  add column device text check (length(device) between 1 and 64);

-- Tokens that were revoked under the version before: a cut-off names the first generation that
-- counts, so these are of an earlier one. An event is forgotten a day and a minute after its cause.
update access_token
set identity_generation = cut_off.generation - 1
from (
  select resource_id, subject::uuid as identity_id, generation, max(forget_at) as forget_at
  from revocation_event
  where kind = 'identity'
  and generation < 4294967295
  group by resource_id, subject, generation
) as cut_off
where access_token.resource_id = cut_off.resource_id
and access_token.identity_id = cut_off.identity_id
and access_token.issued_at < cut_off.forget_at - interval '1 day 1 minute 1 second';

-- The tokens of one identity in the order of their ids, so that a page of them is read and not a
-- million sorted. It serves the cascade from the identity as the former index did.
drop index access_token_identity;
create index access_token_identity on access_token (resource_id, identity_id, jti);

-- Whether a token was denied by its own id. Other cut-offs have no part in it and cost nothing.
create index revocation_event_token on revocation_event (resource_id, subject)
where kind = 'token';

-- When an event was appended, right before its commit. Nothing is decided by it: a node compares it
-- with this database's clock at the moment when it has applied the event, and measures so how long
-- that took. The commit itself is within the measure. Absent: appended by a server of before.
alter table revocation_event add column appended_at timestamptz;
alter table revocation_event alter column appended_at set default clock_timestamp();
