import type { AccessKeyGeneration } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Database, Queries } from '../database/connect.ts'

/** A relay user that somebody asked for. */
export interface AskedUser {
  readonly resourceId: string
  readonly userName: string
  readonly realm: string
  readonly hmacKey: string
  /** Whom it is for; absent: nobody in particular. */
  readonly identityId: string | undefined
  /** The generation that the token of who asks carries; absent: the present one. */
  readonly identityGeneration: number | undefined
  readonly accessKey: AccessKeyGeneration | undefined
  readonly tokenId: string | undefined
  /** Of that token the scopes that open calls, by their places in the protocol's list. */
  readonly scopePlaces: readonly number[] | undefined
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** What became of storing it. */
export type StoredUser = 'stored' | 'resource-deleted' | 'identity-absent' | 'too-many'

/** Stores a relay user; its identity is held meanwhile, so that it is there or is not. */
export async function insertAskedUser(db: Queries, user: AskedUser): Promise<StoredUser> {
  const { resourceId, identityId = null, accessKey } = user
  const { relayUsersOfIdentityMax: usersMax } = serverLimits
  const [row] = await db<{ readonly is_live: boolean; found: number; stored: number }[]>`
    with owner as materialized (
      select standing = 'live' as is_live
      from resource_standing
      where resource_id = ${resourceId}
    ),
    meant as materialized (
      select identity_id, generation
      from identity
      where resource_id = ${resourceId}
      and identity_id = ${identityId}::uuid
      for key share
    ),
    held as (
      select count(*) as count
      from relay_user
      where resource_id = ${resourceId}
      and identity_id = ${identityId}::uuid
      and withdrawn_at is null
      and expires_at > ${new Date(user.createdAtMs)}
    ),
    stored as (
      insert into relay_user (
        resource_id, user_name, realm, hmac_key, identity_id, identity_generation,
        access_key_slot, access_key_generation, token_id, scope_places, created_at,
        expires_at
      )
      select
        ${resourceId}, ${user.userName}, ${user.realm}, ${user.hmacKey}, meant.identity_id,
        coalesce(${user.identityGeneration ?? null}::bigint, meant.generation),
        ${accessKey?.slot ?? null}::text, ${accessKey?.generation ?? null}::bigint,
        ${user.tokenId ?? null}::uuid,
        ${user.scopePlaces === undefined ? null : `{${user.scopePlaces}}`}::text::smallint[],
        ${new Date(user.createdAtMs)}, ${new Date(user.expiresAtMs)}
      from owner
      left join meant on true
      cross join held
      where is_live
      and (meant.identity_id is not null or ${identityId}::uuid is null)
      and held.count < ${usersMax}
      returning 1
    )
    select
      coalesce((select is_live from owner), false) as is_live,
      (select count(*) from meant)::integer as found,
      (select count(*) from stored)::integer as stored
  `
  if (row?.is_live !== true) return 'resource-deleted'
  if (identityId !== null && row.found === 0) return 'identity-absent'
  return row.stored === 0 ? 'too-many' : 'stored'
}

/** A relay user of a leg. */
export interface LegUser
  extends Pick<AskedUser, 'resourceId' | 'userName' | 'realm' | 'hmacKey' | 'createdAtMs'> {
  readonly identityId: string
  readonly callId: string
  readonly legId: string
  readonly isForced: boolean
}

/** Stores the relay user of a leg, once: it lives as long as the leg. */
export async function insertLegUser(db: Queries, user: LegUser): Promise<void> {
  const { resourceId, identityId } = user
  await db`
    insert into relay_user (
      resource_id, user_name, realm, hmac_key, identity_id, identity_generation, call_id, leg_id,
      is_forced, created_at
    )
    select
      ${resourceId}, ${user.userName}, ${user.realm}, ${user.hmacKey}, identity_id, generation,
      ${user.callId}, ${user.legId}, ${user.isForced}, ${new Date(user.createdAtMs)}
    from identity
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    for key share
    on conflict (resource_id, user_name) do nothing
  `
}

/** Whether the legs of a resource send over relays only. */
export async function findHidesAddresses(db: Queries, resourceId: string): Promise<boolean> {
  const [row] = await db<{ readonly hides_addresses: boolean }[]>`
    select hides_addresses from relay_policy where resource_id = ${resourceId}
  `
  return row?.hides_addresses === true
}

/** Sets that. */
export async function saveHidesAddresses(
  db: Queries,
  resourceId: string,
  hidesAddresses: boolean,
): Promise<void> {
  await db`
    insert into relay_policy (resource_id, hides_addresses)
    values (${resourceId}, ${hidesAddresses})
    on conflict (resource_id) do update set hides_addresses = ${hidesAddresses}
  `
}

/** Of some names those that may allocate, and are of this realm. */
export async function findLiveNames(
  db: Database,
  { realm, userNames }: { readonly realm: string; readonly userNames: readonly string[] },
): Promise<ReadonlySet<string>> {
  const rows = await db<{ readonly name: string }[]>`
    select name
    from parley_turn.turnusers_lt
    where name = any(${userNames}::text[])
    and realm = ${realm}
  `
  return new Set(rows.map(({ name }) => name))
}
