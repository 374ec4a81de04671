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

