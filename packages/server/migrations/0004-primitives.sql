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

-- (corridor: followers that are waited for)

-- (usage)

-- (chat: threads, participants, messages, receipts)

-- (chat: realtime)

