/**
 * Taking relay users back. Whoever sets `withdrawn_at` of a row ends the sessions of that user, and
 * then deletes the row; a row that is still there some seconds later is taken over by another node.
 */
import type { Database, Queries } from '../database/connect.ts'
import type { LogEvent } from '../events/model.ts'

/** A user whose sessions are to be ended. */
export interface WithdrawnUser {
  readonly resourceId: string
  readonly userName: string
  /** Whether it was of a leg that sent nothing but over a relay: then it had a session. */
  readonly isForced: boolean
}

interface WithdrawnRow {
  readonly resource_id: string
  readonly user_name: string
  readonly is_forced: boolean
}

function withdrawnFrom(row: WithdrawnRow): WithdrawnUser {
  const { resource_id: resourceId, user_name: userName, is_forced: isForced } = row
  return { resourceId, userName, isForced }
}

/** The users that events of a resource have withdrawn, but for those that another node took. */
export async function withdrawAfter(
  db: Database,
  resourceId: string,
  { events, nowMs }: { readonly events: readonly LogEvent[]; readonly nowMs: number },
): Promise<readonly WithdrawnUser[]> {
  const identityIds: string[] = []
  const tokenIds: string[] = []
  let isOfAll = false
  for (const event of events) {
    if (event.kind === 'token') tokenIds.push(event.subject)
    else if (event.kind === 'identity' || event.kind === 'identity-scope') {
      identityIds.push(event.subject.slice(0, guidCharacters))
    } else isOfAll = true
  }
  const rows = await db<WithdrawnRow[]>`
    update relay_user
    set withdrawn_at = ${new Date(nowMs)}
    where resource_id = ${resourceId}
    and withdrawn_at is null
    and (
      token_id = any(${tokenIds}::uuid[])
      or (
        ${
          isOfAll
            ? db`true`
            : // The identity may be deleted, and its rows be nobody's by now.
              db`(
                identity_id = any(${identityIds}::uuid[])
                or identity_id is null and identity_generation is not null
              )`
        }
        and not exists (
          select
          from relay_user_live as live
          where live.resource_id = ${resourceId}
          and live.user_name = relay_user.user_name
        )
      )
    )
    returning resource_id, user_name, is_forced
  `
  return rows.map(withdrawnFrom)
}

const guidCharacters = 36

/** Those of tokens that were denied while nobody heard of it. */
export async function withdrawOfDeniedTokens(
  db: Database,
  nowMs: number,
): Promise<readonly WithdrawnUser[]> {
  const rows = await db<WithdrawnRow[]>`
    update relay_user
    set withdrawn_at = ${new Date(nowMs)}
    from revocation_event
    where revocation_event.resource_id = relay_user.resource_id
    and revocation_event.kind = 'token'
    and revocation_event.subject = relay_user.token_id::text
    and relay_user.withdrawn_at is null
    returning relay_user.resource_id, relay_user.user_name, relay_user.is_forced
  `
  return rows.map(withdrawnFrom)
}

/** Withdraws the users of legs that have ended. */
export async function withdrawOfLegs(
  db: Database,
  resourceId: string,
  of: { readonly legIds: readonly string[]; readonly nowMs: number },
): Promise<readonly WithdrawnUser[]> {
  const rows = await db<WithdrawnRow[]>`
    update relay_user
    set withdrawn_at = ${new Date(of.nowMs)}
    where resource_id = ${resourceId}
    and leg_id = any(${of.legIds}::uuid[])
    and withdrawn_at is null
    returning resource_id, user_name, is_forced
  `
  return rows.map(withdrawnFrom)
}

/**
 * Withdraws what has expired and what is left of legs, and takes over what another node has not
 * brought to its end.
 *
 * @param due.leftMs - how long ago a row was taken that is taken over.
 * @param due.newMs - how long a leg's user is left alone: it may be told before its leg is.
 */
export async function withdrawDue(
  db: Database,
  due: {
    readonly nowMs: number
    readonly leftMs: number
    readonly newMs: number
    readonly usersMax: number
  },
): Promise<readonly WithdrawnUser[]> {
  const { nowMs, usersMax } = due
  const now = new Date(nowMs)
  const rows = await db<WithdrawnRow[]>`
    with expired as (
      select resource_id, user_name
      from relay_user
      where withdrawn_at is null
      and expires_at <= ${now}
      limit ${usersMax}
    ),
    left_over as (
      select resource_id, user_name
      from relay_user
      where withdrawn_at <= ${new Date(nowMs - due.leftMs)}
      limit ${usersMax}
    ),
    of_ended_leg as (
      select resource_id, user_name
      from relay_user
      where leg_id is not null
      and withdrawn_at is null
      and created_at <= ${new Date(nowMs - due.newMs)}
      and not exists (
        select
        from call_leg
        where call_leg.resource_id = relay_user.resource_id
        and call_leg.call_id = relay_user.call_id
        and call_leg.leg_id = relay_user.leg_id
        and call_leg.ended_at is null
      )
      limit ${usersMax}
    ),
    due as (
      select * from expired union select * from left_over union select * from of_ended_leg
    )
    update relay_user
    set withdrawn_at = ${now}
    from due
    where relay_user.resource_id = due.resource_id
    and relay_user.user_name = due.user_name
    and (relay_user.withdrawn_at is null or relay_user.withdrawn_at < ${now})
    returning relay_user.resource_id, relay_user.user_name, relay_user.is_forced
  `
  return rows.map(withdrawnFrom)
}

/** Deletes users whose sessions have ended. */
export async function deleteUsers(db: Queries, users: readonly WithdrawnUser[]): Promise<void> {
  if (users.length === 0) return
  await db`
    delete from relay_user
    using unnest(
      ${users.map(({ resourceId }) => resourceId)}::uuid[],
      ${users.map(({ userName }) => userName)}::text[]
    ) as ended (resource_id, user_name)
    where relay_user.resource_id = ended.resource_id
    and relay_user.user_name = ended.user_name
    and relay_user.withdrawn_at is not null
  `
}
