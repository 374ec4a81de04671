import type { AccessKeyGeneration, AccessKeySlot, RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { appendCutOffs, eventFrom, type RevocationEventRow } from '../events/store.ts'
import type { RegenerationPlan, SealedAccessKey, StoredSlot } from './model.ts'

/** Lists the access keys of every resource that is not deleted, those of the oldest first. */
export async function listAccessKeys(db: Queries): Promise<readonly StoredSlot[]> {
  const rows = await db<AccessKeyRow[]>`
    select
      key.resource_id, key.slot, key.generation, key.sealed_key,
      key.former_generation, key.former_sealed_key, key.former_until
    from access_key as key
    join resource on resource.resource_id = key.resource_id
    where resource.deleted_at is null
    order by resource.created_at, key.resource_id, key.slot
  `
  return rows.map(slotFrom)
}

/** Finds the access keys of one resource, primary first; empty when it is deleted. */
export async function findAccessKeys(
  db: Queries,
  resourceId: string,
): Promise<readonly StoredSlot[]> {
  const rows = await db<AccessKeyRow[]>`
    select
      resource_id, slot, generation, sealed_key,
      former_generation, former_sealed_key, former_until
    from access_key
    where resource_id = ${resourceId}
    order by slot
  `
  return rows.map(slotFrom)
}

/** Stores the key of a slot that has none yet. */
export async function insertAccessKey(
  db: Queries,
  key: SealedAccessKey,
  nowMs: number,
): Promise<void> {
  await db`
    insert into access_key (resource_id, slot, generation, sealed_key, created_at)
    values (
      ${key.resourceId},
      ${key.slot},
      ${key.generation},
      ${key.sealedKey},
      ${new Date(nowMs)}
    )
  `
}

/** Finds the generation of a slot, and locks it; `undefined` when the resource is deleted. */
export async function lockSlot(
  db: Queries,
  resourceId: string,
  slot: AccessKeySlot,
): Promise<{ readonly generation: number; readonly hasFormer: boolean } | undefined> {
  const [row] = await db<{ readonly generation: string | number; readonly has_former: boolean }[]>`
    select generation, former_generation is not null as has_former
    from access_key
    where resource_id = ${resourceId}
    and slot = ${slot}
    for no key update
  `
  if (row === undefined) return undefined
  return { generation: Number(row.generation), hasFormer: row.has_former }
}

/**
 * Replaces the key of a slot that is locked, and appends the cut-off that voids the tokens of the
 * generations that end, in one statement: one row and one event, however many tokens there are.
 *
 * @returns the event; none when no generation ends yet.
 */
export async function replaceAccessKey(
  db: Queries,
  key: SealedAccessKey,
  plan: RegenerationPlan & { readonly atMs: number },
): Promise<readonly RevocationEvent[]> {
  const { resourceId, slot, generation, sealedKey } = key
  const { lowestLiveGeneration: lowestLive = null, formerUntilMs, atMs } = plan
  const formerUntil = formerUntilMs === undefined ? null : new Date(formerUntilMs)
  const rows = await db<RevocationEventRow[]>`
    with replaced as (
      update access_key
      set
        generation = ${generation},
        sealed_key = ${sealedKey},
        created_at = ${new Date(atMs)},
        last_used_at = null,
        former_generation = case when kept.until is null then null else generation end,
        former_sealed_key = case when kept.until is null then null else sealed_key end,
        former_last_used_at = case when kept.until is null then null else last_used_at end,
        former_until = kept.until
      from (select ${formerUntil}::timestamptz as until) as kept
      where resource_id = ${resourceId}
      and slot = ${slot}
      returning slot
    ),
    cut_off as (
      select slot as subject, lowest_live as generation
      from replaced
      cross join (select ${lowestLive}::bigint as lowest_live) as ending
      where lowest_live is not null
    ),
    ${appendCutOffs(db, { resourceId, kind: 'access-key', atMs })}
  `
  return rows.map(eventFrom)
}

/** Lists resources with an overlap that is over, at most a hundred. */
export async function listDueOverlaps(db: Queries, nowMs: number): Promise<readonly string[]> {
  const rows = await db<{ readonly resource_id: string }[]>`
    select distinct resource_id
    from access_key
    where former_until <= ${new Date(nowMs)}
    limit 100
  `
  return rows.map((row) => row.resource_id)
}

/** Finds when the next overlap is over; `undefined` when there is none. */
export async function findNextOverlapEnd(db: Queries): Promise<number | undefined> {
  const [row] = await db<{ readonly next: Date | null }[]>`
    select min(former_until) as next
    from access_key
    where former_until is not null
  `
  return row?.next?.getTime()
}

/**
 * Ends the overlaps of a resource that are over: the former keys go, and the cut-offs that void
 * their tokens are appended.
 *
 * @returns one event for each.
 */
export async function endOverlaps(
  db: Queries,
  resourceId: string,
  atMs: number,
): Promise<readonly RevocationEvent[]> {
  const rows = await db<RevocationEventRow[]>`
    with cut_off as (
      update access_key
      set
        former_generation = null,
        former_sealed_key = null,
        former_until = null,
        former_last_used_at = null
      where resource_id = ${resourceId}
      and former_until <= ${new Date(atMs)}
      returning slot as subject, generation
    ),
    ${appendCutOffs(db, { resourceId, kind: 'access-key', atMs })}
  `
  return rows.map(eventFrom)
}

/** When an access key was last used. */
export interface KeyUse extends AccessKeyGeneration {
  readonly atMs: number
}

/** Records when keys of a resource were last used; each of them stands once. */
export async function recordKeyUses(
  db: Queries,
  resourceId: string,
  uses: readonly KeyUse[],
): Promise<void> {
  const used = db`
    unnest(
      ${uses.map(({ slot }) => slot)}::text[],
      ${uses.map(({ generation }) => String(generation))}::text[]::bigint[],
      ${uses.map(({ atMs }) => new Date(atMs).toISOString())}::text[]::timestamptz[]
    ) as used (slot, generation, at)
  `
  await db`
    update access_key
    set last_used_at = greatest(access_key.last_used_at, used.at)
    from ${used}
    where access_key.resource_id = ${resourceId}
    and access_key.slot = used.slot
    and access_key.generation = used.generation
  `
  await db`
    update access_key
    set former_last_used_at = greatest(access_key.former_last_used_at, used.at)
    from ${used}
    where access_key.resource_id = ${resourceId}
    and access_key.slot = used.slot
    and access_key.former_generation = used.generation
  `
}

/** What may be told of a key: everything but the key. */
export interface KeyFacts {
  readonly generation: number
  readonly lastUsedAtMs: number | undefined
}

/** What may be told of the keys of a slot. */
export interface SlotFacts extends KeyFacts {
  readonly slot: AccessKeySlot
  readonly createdAtMs: number
  readonly former: (KeyFacts & { readonly validUntilMs: number }) | undefined
}

/** Lists what may be told of the keys of a resource, primary first. */
export async function listKeyFacts(db: Queries, resourceId: string): Promise<readonly SlotFacts[]> {
  const rows = await db<KeyFactsRow[]>`
    select
      slot, generation, created_at, last_used_at,
      former_generation, former_until, former_last_used_at
    from access_key
    where resource_id = ${resourceId}
    order by slot
  `
  return rows.map((row) => ({
    slot: row.slot,
    generation: Number(row.generation),
    createdAtMs: row.created_at.getTime(),
    lastUsedAtMs: row.last_used_at?.getTime(),
    former:
      row.former_until === null
        ? undefined
        : {
            generation: Number(row.former_generation),
            validUntilMs: row.former_until.getTime(),
            lastUsedAtMs: row.former_last_used_at?.getTime(),
          },
  }))
}

interface KeyFactsRow {
  readonly slot: AccessKeySlot
  readonly generation: string | number
  readonly created_at: Date
  readonly last_used_at: Date | null
  readonly former_generation: string | number | null
  readonly former_until: Date | null
  readonly former_last_used_at: Date | null
}

interface AccessKeyRow {
  readonly resource_id: string
  readonly slot: AccessKeySlot
  readonly generation: string | number
  readonly sealed_key: Buffer
  readonly former_generation: string | number | null
  readonly former_sealed_key: Buffer | null
  readonly former_until: Date | null
}

function slotFrom(row: AccessKeyRow): StoredSlot {
  const { resource_id: resourceId, slot, former_sealed_key: sealedKey, former_until: until } = row
  const former =
    sealedKey === null || until === null
      ? undefined
      : {
          key: { resourceId, slot, generation: Number(row.former_generation), sealedKey },
          validUntilMs: until.getTime(),
        }
  const generation = Number(row.generation)
  return { current: { resourceId, slot, generation, sealedKey: row.sealed_key }, former }
}
