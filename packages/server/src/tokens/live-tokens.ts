import {
  fail,
  isGuid,
  ok,
  parseIdentityName,
  printAccessKeyGeneration,
  printIdentityName,
  type Result,
} from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { findIdentity } from '../identities/store.ts'
import type { Resource } from '../resources/model.ts'
import { type LiveToken, listLiveTokens } from './live-token-store.ts'

/** What telling who can still get in needs. */
export interface LiveTokenRoom {
  readonly db: Database
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
  readonly findResource: (resourceId: string) => Resource | undefined
}

const liveTokenSchema = Type.Object({
  jti: Type.String(),
  identity: Type.String({ description: '8:acs:<resource>_<id>' }),
  scopes: Type.Array(Type.String()),
  issuedOn: instantSchema,
  expiresOn: instantSchema,
  accessKey: Type.Optional(
    Type.String({ description: 'Slot and generation, `primary.3`; absent: issued to a bearer.' }),
  ),
  device: Type.Optional(
    Type.String({ description: 'As `x-parley-device` said when the token was asked for.' }),
  ),
})

const liveTokensSchema = Type.Object({
  value: Type.Array(liveTokenSchema),
  nextLink: Type.Optional(
    Type.String({ description: 'Where the list goes on, also after an empty page.' }),
  ),
})

const reply = {
  status: 200,
  schema: liveTokensSchema,
  headers: { 'cache-control': 'no-store' },
} as const

/**
 * The operations that tell who can still get in: `after` (a jti) and `maxPageSize` in the query.
 * They read the database and not this node's memory, so what was answered anywhere is in it.
 */
export function liveTokenOperations(room: LiveTokenRoom): readonly Operation[] {
  return [
    resourceOperation({
      id: 'Parley_ListTokens',
      summary: 'Lists the live access tokens of the resource, the oldest first.',
      method: 'GET',
      path: '/parley/tokens',
      versions: 'unversioned',
      reply,
      handle: (call) => answerPage(room, call, { identityId: undefined, path: 'parley/tokens' }),
    }),
    resourceOperation({
      id: 'Parley_ListIdentityTokens',
      summary: 'Lists the live access tokens of an identity, the oldest first.',
      method: 'GET',
      path: '/parley/identities/{id}/tokens',
      versions: 'unversioned',
      reply,
      handle: async (call) => {
        const name = parseIdentityName(call.params['id'] ?? '')
        const { resourceId } = call.caller
        if (name?.resourceId !== resourceId) return fail({ kind: 'identity-not-owned' })
        const { identityId } = name
        const path = `parley/identities/${printIdentityName(name)}/tokens`
        const page = await answerPage(room, call, { identityId, path })
        if (!page.ok || page.value.value.length > 0) return page
        const identity = await findIdentity(room.db, resourceId, identityId)
        return identity === undefined ? fail({ kind: 'identity-not-owned' }) : page
      },
    }),
  ]
}

/** Whose tokens are listed, and under which path. */
interface Listed {
  /** Absent: those of all identities. */
  readonly identityId: string | undefined
  /** Without a slash at its start. */
  readonly path: string
}

async function answerPage(
  room: LiveTokenRoom,
  { caller, query, nowMs }: Pick<ResourceCall<unknown>, 'caller' | 'query' | 'nowMs'>,
  { identityId, path }: Listed,
): Promise<Result<Static<typeof liveTokensSchema>, Fault>> {
  const page = parsePage(query)
  if (!page.ok) return page
  const { after, tokensMax } = page.value
  const { resourceId } = caller
  const { ledgerLinesLookedAtMax: linesMax } = serverLimits
  const asked = { identityId, after, tokensMax, linesMax, nowMs }
  const { tokens, nextAfter } = await listLiveTokens(room.db, resourceId, asked)
  const value = tokens.map((token) => printLiveToken(resourceId, token))
  if (nextAfter === undefined) return ok({ value })
  const next = new URL(path, room.endpointFor(room.findResource(resourceId)?.name ?? ''))
  next.searchParams.set('after', nextAfter)
  next.searchParams.set('maxPageSize', String(tokensMax))
  return ok({ value, nextLink: next.href })
}

interface PageAsked {
  readonly after: string | undefined
  readonly tokensMax: number
}

function parsePage(query: ResourceCall<unknown>['query']): Result<PageAsked, Fault> {
  const { maxPageSize, after } = query
  const { liveTokensPage, liveTokensPageMax: max } = serverLimits
  const isWhole = typeof maxPageSize === 'string' && /^[0-9]{1,4}$/.test(maxPageSize)
  const tokensMax = maxPageSize === undefined ? liveTokensPage : Number(isWhole && maxPageSize)
  if (tokensMax < 1 || tokensMax > max) {
    const expected = `a whole number, 1..${max}`
    return fail({ kind: 'query-invalid', parameter: 'maxPageSize', expected })
  }
  if (after === undefined) return ok({ after, tokensMax })
  if (typeof after === 'string' && isGuid(after)) return ok({ after, tokensMax })
  return fail({ kind: 'query-invalid', parameter: 'after', expected: 'as in a nextLink' })
}

function printLiveToken(resourceId: string, token: LiveToken): Static<typeof liveTokenSchema> {
  const { tokenId, identityId, scopes, issuedAtMs, expiresAtMs, accessKey, device } = token
  return {
    jti: tokenId,
    identity: printIdentityName({ resourceId, identityId }),
    scopes: [...scopes],
    issuedOn: printInstant(issuedAtMs),
    expiresOn: printInstant(expiresAtMs),
    ...(accessKey === undefined ? {} : { accessKey: printAccessKeyGeneration(accessKey) }),
    ...(device === undefined ? {} : { device }),
  }
}
