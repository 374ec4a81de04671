import type { KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Database } from '../database/connect.ts'
import { createGather } from '../foundation/gather.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Standing } from '../resources/standing.ts'
import { customIdHash } from './model.ts'
import { insertIdentities, type NamedIdentity, upsertNamedIdentity } from './store.ts'

/**
 * Creates an identity of a resource, or finds the one that a `customId` already names.
 *
 * @faults `custom-id-length`; `caller-refused` - the resource was deleted or its subscription
 *   cancelled since the request was authenticated.
 */
export type CreateIdentity = (
  resourceId: string,
  customId: string | undefined,
) => Promise<Result<NamedIdentity, Fault>>

/** What creating needs. */
export interface IdentityCreator {
  readonly db: Database
  readonly platform: Platform
  /** Key of the hash that is stored of a `customId`. */
  readonly customIdKey: KeyObject
}

/** Creates the function that creates identities; what is asked in one turn is one statement. */
export function createCreateIdentity(world: IdentityCreator): CreateIdentity {
  const { db, platform, customIdKey: key } = world
  const unnamed = createGather<string, Result<NamedIdentity, Fault>>({
    keyOf: (resourceId) => resourceId,
    answerAll: async (resourceId, asks) => {
      const identityIds = asks.map(() => platform.newGuid())
      const created = { identityIds, atMs: platform.now() }
      const standing = await insertIdentities(db, resourceId, created)
      if (standing !== 'live') return asks.map(() => refuse(standing))
      return identityIds.map((identityId) => ok({ identityId, lastTokenIssuedAtMs: undefined }))
    },
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return async (resourceId, customId) => {
    if (customId === undefined) return unnamed.ask(resourceId)
    const hashed = customIdHash(customId, { resourceId, key })
    if (!hashed.ok) return fail(hashed.fault)
    const identityId = platform.newGuid()
    const named = { identityId, customIdHash: hashed.value, atMs: platform.now() }
    const met = await upsertNamedIdentity(db, resourceId, named)
    return typeof met === 'string' ? refuse(met) : ok(met)
  }
}

function refuse(reason: Exclude<Standing, 'live'>): Result<never, Fault> {
  return fail({ kind: 'caller-refused', reason })
}
