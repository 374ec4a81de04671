/**
 * A resource has two access keys, primary and secondary, so that one can be changed while callers
 * still use the other. A key signs requests (HMAC-SHA256); whoever holds one is the resource.
 *
 * Each slot counts its editions: regenerating a key starts the next generation of that slot, and a
 * token remembers slot and generation of the key it was issued under. That is how regenerating
 * voids exactly the tokens of the former key, by one number and whatever their count.
 *
 * A key can be regenerated with an overlap: the former one goes on beside its successor until an
 * instant that stands in the row, and with it its tokens; then both end by the cut-off that they
 * would have had at once. There is one former key at most: regenerating once more ends it.
 *
 * A key is 64 random bytes, kept sealed under the master key: unlike a password it cannot be
 * hashed, because checking a signature needs the key itself. In memory it lives as a `KeyObject`,
 * which prints nothing. Rejected: deriving both keys from one secret of the resource. It saves a
 * row and makes regenerating one key change the other.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { type AccessKeyGeneration, printAccessKeyGeneration } from '@parley/protocol'
import type { Platform } from '../foundation/platform.ts'
import type { Sealer } from '../foundation/seal.ts'

/** Number of bytes of an access key. */
const accessKeyBytes = 64

/** An access key as stored. */
export interface SealedAccessKey extends AccessKeyGeneration {
  readonly resourceId: string
  readonly sealedKey: Buffer
}

/** The key of a slot, and the one it replaced for as long as that goes on. */
export interface StoredSlot {
  readonly current: SealedAccessKey
  readonly former: { readonly key: SealedAccessKey; readonly validUntilMs: number } | undefined
}

/** An access key that can check signatures. */
export interface ActiveAccessKey extends AccessKeyGeneration {
  readonly resourceId: string
  /** Prints nothing of the key. */
  readonly hmacKey: KeyObject
  /** Until when a key that was replaced goes on, milliseconds since the epoch; absent: no end. */
  readonly validUntilMs: number | undefined
  /** What the audit log calls whoever signs with it. */
  readonly actor: string
}

/** Makes the key of a slot: sealed for the database, and its bytes for whoever asked for it. */
export function newAccessKey(
  owner: AccessKeyGeneration & { readonly resourceId: string },
  world: { readonly sealer: Sealer; readonly platform: Platform },
): { readonly stored: SealedAccessKey; readonly secret: Buffer } {
  const secret = world.platform.randomBytes(accessKeyBytes)
  return { stored: { ...owner, sealedKey: world.sealer.seal(secret, purposeOf(owner)) }, secret }
}

/**
 * Opens a stored key.
 *
 * @returns its bytes; `undefined` when the master key is another one.
 */
export function openAccessKey(stored: SealedAccessKey, sealer: Sealer): Buffer | undefined {
  return sealer.open(stored.sealedKey, purposeOf(stored))
}

/**
 * The key in the form that checks signatures.
 *
 * @param validUntilMs - given for a key that was replaced and goes on for a while.
 */
export function activeAccessKey(
  stored: SealedAccessKey,
  secret: Buffer,
  validUntilMs?: number,
): ActiveAccessKey {
  const { resourceId, slot, generation } = stored
  const actor = `access-key/${printAccessKeyGeneration({ slot, generation })}`
  return { resourceId, slot, generation, hmacKey: createSecretKey(secret), validUntilMs, actor }
}

/**
 * Opens the keys of a slot, the current one first.
 *
 * @returns `undefined` when the master key is another one.
 */
export function openSlot(slot: StoredSlot, sealer: Sealer): readonly ActiveAccessKey[] | undefined {
  const { current, former } = slot
  const secret = openAccessKey(current, sealer)
  if (secret === undefined) return undefined
  const active = activeAccessKey(current, secret)
  if (former === undefined) return [active]
  const formerSecret = openAccessKey(former.key, sealer)
  if (formerSecret === undefined) return undefined
  return [active, activeAccessKey(former.key, formerSecret, former.validUntilMs)]
}

/** What regenerating the key of a slot does. */
export interface RegenerationPlan {
  readonly nextGeneration: number
  /** Tokens of the slot below this generation are void at once; `undefined`: none are. */
  readonly lowestLiveGeneration: number | undefined
  /** Until when the key that is replaced goes on; `undefined`: it stops at once. */
  readonly formerUntilMs: number | undefined
}

/**
 * Decides what regenerating a key does to it and to the tokens of its slot.
 *
 * Without an overlap everything of the slot so far ends. With one its current generation goes on,
 * and what an earlier overlap still left alive ends now: a slot never has three keys.
 *
 * @param asked.overlapMinutes - 1..1440; absent: no overlap.
 */
export function planRegeneration(
  slot: { readonly generation: number; readonly hasFormer: boolean },
  asked: { readonly overlapMinutes: number | undefined; readonly nowMs: number },
): RegenerationPlan {
  const { generation, hasFormer } = slot
  const nextGeneration = generation + 1
  if (asked.overlapMinutes === undefined) {
    return { nextGeneration, lowestLiveGeneration: nextGeneration, formerUntilMs: undefined }
  }
  return {
    nextGeneration,
    lowestLiveGeneration: hasFormer ? generation : undefined,
    formerUntilMs: asked.nowMs + asked.overlapMinutes * 60_000,
  }
}

/** Binds the sealed bytes to their place: a row copied to another slot does not open. */
export function purposeOf(key: AccessKeyGeneration & { readonly resourceId: string }): string {
  return `access-key/${key.resourceId}/${key.slot}/${key.generation}`
}

/** Keys of nobody, for the time that it takes to find that a caller is unknown. */
export function decoyKeys(randomBytes: (count: number) => Buffer): readonly ActiveAccessKey[] {
  return (['primary', 'secondary'] as const).map((slot) => {
    const nobody = { resourceId: '', slot, generation: 1, sealedKey: Buffer.alloc(0) }
    return activeAccessKey(nobody, randomBytes(64))
  })
}
