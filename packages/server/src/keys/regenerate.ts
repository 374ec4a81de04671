/**
 * Regenerating an access key: the next generation of its slot, in one transaction with the cut-off
 * that voids the tokens of the former one. Costs one row and one event, however many tokens die.
 */
import type { AccessKeySlot } from '@parley/protocol'
import type { AuditAct } from '../audit/model.ts'
import { appendAudit } from '../audit/store.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import type { OneAtATime } from '../foundation/one-at-a-time.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import type { KeyMaker } from './creation.ts'
import type { KeyRing } from './key-ring.ts'
import {
  activeAccessKey,
  newAccessKey,
  planRegeneration,
  type RegenerationPlan,
  type SealedAccessKey,
} from './model.ts'
import { lockSlot, replaceAccessKey } from './store.ts'

/** What regenerating needs. */
export interface RegenerationRoom extends KeyMaker {
  readonly db: Database
  readonly feed: Feed
  readonly keyRing: KeyRing
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
export function regenerateAccessKey(
  room: RegenerationRoom,
  ask: RegenerationAsk,
): Promise<Buffer | undefined> {
  return room.oneAtATime(async () => {
    const made = await room.db.begin((transaction) => replaceKey(room, transaction, ask))
    if (made === undefined) return undefined
    const { events, stored, secret, plan } = made
    room.feed.publish(events)
    enterRing(room.keyRing, { stored, secret, plan })
    if (plan.formerUntilMs !== undefined) room.noteOverlapEnd(plan.formerUntilMs)
    return secret
  })
}

async function replaceKey(room: RegenerationRoom, transaction: Transaction, ask: RegenerationAsk) {
  const { resource, slot, overlapMinutes, by } = ask
  const { resourceId } = resource
  const found = await lockSlot(transaction, resourceId, slot)
  if (found === undefined) return undefined
  const plan = planRegeneration(found, { overlapMinutes, nowMs: by.atMs })
  const owner = { resourceId, slot, generation: plan.nextGeneration }
  const { stored, secret } = newAccessKey(owner, room)
  const events = await replaceAccessKey(transaction, stored, { ...plan, atMs: by.atMs })
  const target = printResourcePath(resource)
  await appendAudit(transaction, [{ ...by, target, resourceId }])
  return { events, stored, secret, plan }
}

interface Regenerated {
  readonly stored: SealedAccessKey
  readonly secret: Buffer
  readonly plan: RegenerationPlan
}

/** The other slot keeps its keys; this one has the new key, and the former for as long as asked. */
function enterRing(keyRing: KeyRing, { stored, secret, plan }: Regenerated): void {
  const { resourceId, slot, generation } = stored
  const known = keyRing.keysOf(resourceId)
  const { formerUntilMs: validUntilMs } = plan
  const former = known.find((key) => key.slot === slot && key.generation === generation - 1)
  const kept =
    former === undefined || validUntilMs === undefined ? [] : [{ ...former, validUntilMs }]
  const others = known.filter((key) => key.slot !== slot)
  keyRing.put(resourceId, [activeAccessKey(stored, secret), ...kept, ...others])
}
