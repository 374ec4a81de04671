/**
 * Regenerating an access key: the next generation of its slot, in one transaction with the cut-off
 * that voids the tokens of the former one. Costs one row and one event, however many tokens die.
 */
import type { AccessKeySlot } from '@parley/protocol'
import type { AuditAct } from '../audit/model.ts'
import { appendAudit } from '../audit/store.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import { appendChanges } from '../events/store.ts'
import type { OneAtATime } from '../foundation/one-at-a-time.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import type { KeyMaker } from './creation.ts'
import { newAccessKey, planRegeneration } from './model.ts'
import { lockSlot, replaceAccessKey } from './store.ts'

/** What regenerating needs. */
export interface RegenerationRoom extends KeyMaker {
  readonly db: Database
  readonly feed: Feed
  readonly oneAtATime: OneAtATime
  /** Told when a former key has to end. */
  readonly noteOverlapEnd: (atMs: number) => void
}

/** Which key is regenerated, and by whom. */
export interface RegenerationAsk {
  readonly resource: Resource
  readonly slot: AccessKeySlot
  /** How long the former key goes on; absent: not at all. */
  readonly overlapMinutes: number | undefined
  readonly by: Pick<AuditAct, 'actor' | 'operation' | 'requestId' | 'atMs'>
}

/**
 * Regenerates the key of a slot. When this returns the new key is accepted, and the former one and
 * its tokens are not, unless an overlap was asked for.
 *
 * @returns the bytes of the new key; `undefined` when the resource was deleted meanwhile.
 */
export async function regenerateAccessKey(
  room: RegenerationRoom,
  ask: RegenerationAsk,
): Promise<Buffer | undefined> {
  const made = await room.oneAtATime(() =>
    room.db.begin((transaction) => replaceKey(room, transaction, ask)),
  )
  if (made === undefined) return undefined
  const { events, secret, plan } = made
  await room.feed.publish(events)
  if (plan.formerUntilMs !== undefined) room.noteOverlapEnd(plan.formerUntilMs)
  return secret
}

async function replaceKey(room: RegenerationRoom, transaction: Transaction, ask: RegenerationAsk) {
  const { resource, slot, overlapMinutes, by } = ask
  const { resourceId } = resource
  const found = await lockSlot(transaction, resourceId, slot)
  if (found === undefined) return undefined
  const plan = planRegeneration(found, { overlapMinutes, nowMs: by.atMs })
  const owner = { resourceId, slot, generation: plan.nextGeneration }
  const { stored, secret } = newAccessKey(owner, room)
  const cutOffs = await replaceAccessKey(transaction, stored, { ...plan, atMs: by.atMs })
  // A cut-off makes every node read the keys again; without one, they are told to.
  const changed = { kind: 'resource-changed', resourceIds: [resourceId], atMs: by.atMs } as const
  const events = cutOffs.length > 0 ? cutOffs : await appendChanges(transaction, changed)
  const target = printResourcePath(resource)
  await appendAudit(transaction, [{ ...by, target, resourceId }])
  return { events, secret, plan }
}
