import { serverLimits } from '../../contract/limits.ts'
import type { Queries } from '../../database/connect.ts'
import { grouped } from './grouped.ts'
import { shortIdOf } from './notice-text.ts'

const { chatNoticesKeptSeconds: keptForSeconds } = serverLimits

/** Which client: what it calls itself, and whose it is. */
export interface Endpoint {
  readonly resourceId: string
  readonly identityId: string
  readonly endpointId: string
  /** The connection that it has; only this one may say how far it has heard. */
  readonly sessionId: string
}

/** How far a client has heard. */
export interface Place {
  /** Everything up to this number. */
  readonly floorSeq: number
  /** And these above it. */
  readonly heardSeqs: readonly number[]
}

/** What a client finds that comes back. */
export interface Returned extends Place {
  /** What it has not heard, in the order of numbers. */
  readonly missed: readonly { readonly seq: number; readonly body: string }[]
}

/** A client that comes, and where a new one begins. */
export interface EndpointAsk extends Endpoint {
  readonly floorSeq: number
}

interface ReturnedRow {
  readonly place: number
  readonly floor_seq: number
  /** Numbers with commas between them. */
  readonly heard_seqs: string
  readonly seq: number | null
  readonly body: string | null
}

const missedMax = 1000

/**
 * Enters the clients of a resource that have come, each in the place of its former connection.
 *
 * @returns what each finds; `undefined` for one that is new, or was away for too long.
 */
export async function openEndpoints(
  db: Queries,
  resourceId: string,
  asks: readonly EndpointAsk[],
): Promise<readonly (Returned | undefined)[]> {
  const isRecent = db`chat_endpoint.seen_at > now() - make_interval(secs => ${keptForSeconds})`
  const rows = await db<ReturnedRow[]>`
    with ${asked(db, asks)},
    known as materialized (
      select asked.place, asked.short_id, chat_endpoint.floor_seq, chat_endpoint.heard_seqs
      from asked
      join chat_endpoint
        on chat_endpoint.resource_id = ${resourceId}
        and chat_endpoint.identity_id = asked.identity_id
        and chat_endpoint.endpoint_id = asked.endpoint_id
      where ${isRecent}
    ),
    entered as (
      insert into chat_endpoint (
        resource_id, identity_id, endpoint_id, session_id, floor_seq, heard_seqs, seen_at
      )
      select distinct on (identity_id, endpoint_id)
        ${resourceId}, identity_id, endpoint_id, session_id, floor::bigint, '{}', now()
      from asked
      order by identity_id, endpoint_id, place desc
      on conflict (resource_id, identity_id, endpoint_id) do update
      set
        session_id = excluded.session_id,
        floor_seq =
          case when ${isRecent} then chat_endpoint.floor_seq else excluded.floor_seq end,
        heard_seqs = case when ${isRecent} then chat_endpoint.heard_seqs else '{}' end,
        seen_at = now()
    )
    select
      known.place,
      known.floor_seq,
      array_to_string(known.heard_seqs, ',') as heard_seqs,
      missed.seq,
      missed.body
    from known
    left join lateral (${missed(db, resourceId)}) as missed on true
    order by known.place, missed.seq
  `
  const byPlace = grouped(rows, ({ place }) => place)
  return asks.map((_, index) => returnedFrom(byPlace.get(index + 1)))
}

function asked(db: Queries, asks: readonly EndpointAsk[]) {
  return db`
    asked as materialized (
      select *
      from unnest(
        ${asks.map(({ identityId }) => identityId)}::uuid[],
        ${asks.map(({ endpointId }) => endpointId)}::text[],
        ${asks.map(({ sessionId }) => sessionId)}::uuid[],
        ${asks.map(({ floorSeq }) => String(floorSeq))}::text[],
        ${asks.map(({ identityId }) => shortIdOf(identityId))}::text[]
      ) with ordinality as asked (identity_id, endpoint_id, session_id, floor, short_id, place)
    )
  `
}

/** What one of the known has not heard; of more than it can take, what was told last. */
function missed(db: Queries, resourceId: string) {
  return db`
    select seq, body
    from chat_notice
    where resource_id = ${resourceId}
    and seq > known.floor_seq
    and seq <> all(known.heard_seqs)
    and strpos(recipients, known.short_id) > 0
    and told_at > now() - make_interval(secs => ${keptForSeconds})
    order by seq desc
    limit ${missedMax}
  `
}

function returnedFrom(rows: readonly ReturnedRow[] | undefined): Returned | undefined {
  const [first] = rows ?? []
  if (first === undefined) return undefined
  return {
    floorSeq: first.floor_seq,
    heardSeqs: first.heard_seqs === '' ? [] : first.heard_seqs.split(',').map(Number),
    missed: (rows ?? []).flatMap(({ seq, body }) =>
      seq === null || body === null ? [] : [{ seq, body }],
    ),
  }
}

/** Records how far clients have heard, unless they have another connection by now. */
export async function savePlaces(
  db: Queries,
  resourceId: string,
  places: readonly (Endpoint & Place)[],
): Promise<void> {
  await db`
    update chat_endpoint
    set
      floor_seq = heard.floor::bigint,
      heard_seqs = heard.above::bigint[],
      seen_at = now()
    from unnest(
      ${places.map(({ identityId }) => identityId)}::uuid[],
      ${places.map(({ endpointId }) => endpointId)}::text[],
      ${places.map(({ sessionId }) => sessionId)}::uuid[],
      ${places.map(({ floorSeq }) => String(floorSeq))}::text[],
      ${places.map(({ heardSeqs }) => `{${heardSeqs.join(',')}}`)}::text[]
    ) as heard (identity_id, endpoint_id, session_id, floor, above)
    where chat_endpoint.resource_id = ${resourceId}
    and chat_endpoint.identity_id = heard.identity_id
    and chat_endpoint.endpoint_id = heard.endpoint_id
    and chat_endpoint.session_id = heard.session_id
  `
}

/** Forgets a client that has taken its leave. */
export async function deleteEndpoint(
  db: Queries,
  endpoint: Omit<Endpoint, 'sessionId'>,
): Promise<void> {
  const { resourceId, identityId, endpointId } = endpoint
  await db`
    delete from chat_endpoint
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    and endpoint_id = ${endpointId}
  `
}
