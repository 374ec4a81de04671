import type { AuditAct } from '../audit/model.ts'
import { appendAudit } from '../audit/store.ts'
import type { Database, Queries } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import { everyResource, type LogEvent } from '../events/model.ts'
import { appendChanges } from '../events/store.ts'
import type { Follower } from '../events/tail.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Sealer } from '../foundation/seal.ts'
import type { Settings, SigningAlgorithm } from '../foundation/settings.ts'
import type { SigningKeyRing, SigningKeys } from './signing-key-ring.ts'
import { type ScheduleSteps, type ScheduleTerms, stepsDue } from './signing-key-schedule.ts'
import {
  insertSigningKey,
  listSigningKeys,
  lockSigningKeys,
  replaceSigningKeys,
  resumeSigningKey,
  retireSigningKeys,
  type SigningKeyRow,
} from './signing-key-store.ts'
import { newSigningKey, openSigningKey } from './signing-keys.ts'

/** What turning signing keys needs. */
export interface TurningWorld {
  readonly platform: Platform
  readonly sealer: Sealer
  readonly signingAlgorithm: SigningAlgorithm
  /** How long a key signs; absent: until somebody rotates it. */
  readonly signsForMs: number | undefined
}

const dayMs = 24 * 60 * 60 * 1000

/** How the settings want keys to be. */
export function signingTermsOf(
  settings: Pick<Settings, 'signingAlgorithm' | 'signingKeyDays'>,
): Pick<TurningWorld, 'signingAlgorithm' | 'signsForMs'> {
  const { signingAlgorithm, signingKeyDays: days } = settings
  return { signingAlgorithm, signsForMs: days === undefined ? undefined : days * dayMs }
}

/** Somebody who does not wait for the schedule. */
export interface RotationWish extends Pick<AuditAct, 'actor' | 'operation' | 'requestId'> {
  /** Whether a new key signs at once and every other one is dead. */
  readonly isEmergency: boolean
}

/** The rotation of the signing keys of a running server. */
export interface SigningKeyRotation {
  /** Does what is due by the schedule. */
  readonly turn: () => Promise<void>
  /**
   * Announces a new key before it is time, unless one is announced already; or, in an emergency,
   * lets a new one sign at once and voids every token that the others have signed. What it says
   * holds on every node when it resolves.
   */
  readonly rotate: (wish: RotationWish) => Promise<void>
  /** Reads the keys again, after another node has changed them. */
  readonly readAgain: () => Promise<void>
}

/** Where signing keys are in the control plane. */
export const signingKeysPath = '/parley/signingKeys'

/** Creates the rotation of the keys in a ring. */
export function createSigningKeyRotation(
  world: TurningWorld & {
    readonly db: Database
    /** Where memory is read from: nothing else must be able to hold that up. */
    readonly memory: () => Queries
    readonly feed: Feed
    readonly ring: SigningKeyRing
  },
): SigningKeyRotation {
  const { db, memory, feed, ring } = world
  // One after the other: the keys that were read last are those that stay in the ring. No change
  // stands in this line: one that waits for a lock would keep this node from following the log.
  let last: Promise<unknown> = Promise.resolve()
  const readAgain = (): Promise<void> => {
    const next = last.then(async () => put(await listSigningKeys(memory())))
    last = next.catch(() => undefined)
    return next
  }
  const put = (rows: readonly SigningKeyRow[]) => {
    const keys = openSigningKeys(rows, world)
    if (keys === undefined) throw new Error('a signing key does not open')
    ring.put(keys)
  }
  const change = async (wish?: RotationWish) => {
    const { events } = await db.begin((transaction) => turnSigningKeys(transaction, world, wish))
    // This node, too, reads the keys again before it counts as informed.
    await feed.publish(events)
  }
  return {
    turn: () => change(),
    rotate: change,
    readAgain,
  }
}

/** Keeps the signing keys as the database has them, whatever node changed them. */
export function followSigningKeys({ readAgain }: SigningKeyRotation): Follower {
  return {
    apply: ({ kind }) => (kind === 'signing-keys-changed' ? readAgain() : undefined),
    reload: readAgain,
  }
}

/**
 * Does what is due by the schedule, and what somebody wishes for. Run it in a transaction, after
 * everything else in it.
 *
 * @returns the keys that are published then, and the event that tells the nodes.
 */
export async function turnSigningKeys(
  db: Queries,
  world: TurningWorld,
  wish?: RotationWish,
): Promise<{ readonly rows: readonly SigningKeyRow[]; readonly events: readonly LogEvent[] }> {
  await lockSigningKeys(db)
  const nowMs = world.platform.now()
  const keys = await listSigningKeys(db)
  const steps =
    wish?.isEmergency === true
      ? emergencySteps(keys)
      : stepsDue(keys, { ...termsOf(world), nowMs, isWished: wish !== undefined })
  const changes = await takeSteps(db, { world, steps, nowMs })
  const told = { kind: 'signing-keys-changed', atMs: nowMs } as const
  const resourceIds = changes.length > 0 ? [everyResource] : []
  const events = await appendChanges(db, { ...told, resourceIds })
  // The first key of all is made with everything else by the first start: nobody's act.
  if (keys.length > 0) await appendAudit(db, actsOf(changes, { world, wish, nowMs }))
  return { rows: await listSigningKeys(db), events }
}

function termsOf(world: TurningWorld): Pick<ScheduleTerms, 'algorithm' | 'signsForMs'> {
  const { signingAlgorithm: algorithm, signsForMs } = world
  return { algorithm, signsForMs }
}

function emergencySteps(keys: readonly SigningKeyRow[]): ScheduleSteps {
  const kids = keys.map(({ kid }) => kid)
  return { signer: undefined, announceForMs: undefined, replaced: [], retired: kids }
}

/** Something that befell a signing key. */
interface KeyChange {
  readonly kid: string
  /** What the audit log calls it. */
  readonly operation: string
}

async function takeSteps(
  db: Queries,
  due: { readonly world: TurningWorld; readonly steps: ScheduleSteps; readonly nowMs: number },
): Promise<readonly KeyChange[]> {
  const { world, steps, nowMs } = due
  const { signer, announceForMs, replaced, retired } = steps
  const changes: KeyChange[] = []
  if (signer === undefined) {
    const kid = await makeKey(db, world, { createdAtMs: nowMs, signsFromMs: nowMs })
    changes.push({ kid, operation: 'Parley_StartSigningKey' })
  } else if (signer.replacedAtMs !== undefined) {
    await resumeSigningKey(db, signer.kid)
    changes.push({ kid: signer.kid, operation: 'Parley_StartSigningKey' })
  } else if (replaced.length > 0) {
    changes.push({ kid: signer.kid, operation: 'Parley_StartSigningKey' })
  }
  if (announceForMs !== undefined) {
    const kid = await makeKey(db, world, { createdAtMs: nowMs, signsFromMs: announceForMs })
    changes.push({ kid, operation: 'Parley_AnnounceSigningKey' })
  }
  if (replaced.length > 0) await replaceSigningKeys(db, replaced, nowMs)
  if (retired.length > 0) await retireSigningKeys(db, retired, nowMs)
  return [...changes, ...retired.map((kid) => ({ kid, operation: 'Parley_RetireSigningKey' }))]
}

async function makeKey(
  db: Queries,
  world: TurningWorld,
  times: { readonly createdAtMs: number; readonly signsFromMs: number },
): Promise<string> {
  const key = newSigningKey(world.signingAlgorithm, world.sealer)
  await insertSigningKey(db, key, times)
  return key.kid
}

function actsOf(
  changes: readonly KeyChange[],
  by: {
    readonly world: TurningWorld
    readonly wish: RotationWish | undefined
    readonly nowMs: number
  },
): readonly AuditAct[] {
  const { world, wish, nowMs } = by
  const { actor = 'server', requestId = world.platform.newGuid() } = wish ?? {}
  const act = { actor, requestId, resourceId: undefined, atMs: nowMs }
  const asked =
    wish === undefined ? [] : [{ ...act, operation: wish.operation, target: signingKeysPath }]
  const done = changes.map(({ kid, operation }) => {
    return { ...act, operation, target: `${signingKeysPath}/${kid}` }
  })
  return [...asked, ...done]
}

/**
 * Opens what the published keys need to be used.
 *
 * @returns `undefined` when one of them does not open: the master key is another one.
 */
export function openSigningKeys(
  rows: readonly SigningKeyRow[],
  world: TurningWorld,
): SigningKeys | undefined {
  const nowMs = world.platform.now()
  const { signer } = stepsDue(rows, { ...termsOf(world), nowMs })
  let open: SigningKeys['signer'] | undefined
  for (const row of rows) {
    const privateKey = openSigningKey(row, world.sealer)
    if (privateKey === undefined) return undefined
    if (row === signer) open = { kid: row.kid, algorithm: row.algorithm, privateKey }
  }
  if (open === undefined) return undefined
  return { signer: open, published: rows.map((row) => row.publicJwk) }
}
