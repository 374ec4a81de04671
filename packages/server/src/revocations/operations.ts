import { fail, ok, parseIdentityName, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable, instantSchema } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, type ResourceCaller, resourceOperation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import { createGather } from '../foundation/gather.ts'
import { startGenerations } from './store.ts'

/** What revoking needs. */
export interface RevocationRoom {
  readonly db: Database
  readonly feed: Feed
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

const noBody = Type.Object({}, { additionalProperties: false })

const tokensValidFromSchema = Type.Object(
  { tokensValidFrom: absentable(instantSchema) },
  { additionalProperties: false },
)

type Revoke = (caller: ResourceCaller, id: string | undefined) => Promise<Result<undefined, Fault>>

/** The operations that void the tokens of an identity. */
export function revocationOperations(room: RevocationRoom): readonly Operation[] {
  const revoke = createRevoke(room)
  return [
    resourceOperation({
      id: 'CommunicationIdentity_RevokeAccessTokens',
      summary: 'Voids every access token issued to an identity so far.',
      method: 'POST',
      path: '/identities/{id}/:revokeAccessTokens',
      versions: { since: '2021-02-22-preview1' },
      body: { schema: noBody, isRequired: false },
      reply: { status: 204 },
      handle: ({ caller, params }) => revoke(caller, params['id']),
    }),
    // The first preview asked for an instant. Whatever it is, everything issued so far is voided:
    // instants of two clocks do not decide about revocation here (docs/divergences.md).
    resourceOperation({
      id: 'CommunicationIdentity_Update',
      summary: 'Voids every access token issued to an identity so far (first preview).',
      method: 'PATCH',
      path: '/identities/{id}',
      versions: { since: '2020-07-20-preview2', until: '2020-07-20-preview2' },
      body: { schema: tokensValidFromSchema, isRequired: false, acceptsMergePatch: true },
      reply: { status: 204 },
      handle: ({ caller, params }) => revoke(caller, params['id']),
    }),
  ]
}

/**
 * What is revoked in one turn becomes one statement. The events are published before anybody is
 * answered.
 */
function createRevoke(room: RevocationRoom): Revoke {
  const gather = createGather<RevocationAsk, boolean>({
    keyOf: (ask) => ask.resourceId,
    answerAll: async (resourceId, asks) => {
      const identityIds = [...new Set(asks.map((ask) => ask.identityId))]
      const revoked = { identityIds, atMs: room.now() }
      const events = await startGenerations(room.db, resourceId, revoked)
      room.feed.publish(events)
      const existing = new Set(events.map((event) => event.subject))
      return asks.map((ask) => existing.has(ask.identityId))
    },
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return async (caller, id) => {
    const name = parseIdentityName(id ?? '')
    if (name?.resourceId !== caller.resourceId) return fail({ kind: 'identity-not-owned' })
    const existed = await gather.ask(name)
    return existed ? ok(undefined) : fail({ kind: 'identity-not-owned' })
  }
}

interface RevocationAsk {
  readonly resourceId: string
  readonly identityId: string
}
