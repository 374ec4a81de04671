import { ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { readSnapshotPage } from './following-store.ts'
import { parsePosition } from './position.ts'
import type { RevocationStreams } from './streams.ts'

/** What following needs. */
export interface FollowingRoom {
  readonly db: Database
  readonly streams: Pick<RevocationStreams, 'open'>
}

const packedSchema = Type.String({
  description: 'base64url of 20 bytes each: the id, and four of its generation, the highest first.',
})

const snapshotSchema = Type.Object({
  seq: Type.Integer({ description: 'Of the first page: the stream goes on after it.' }),
  resourceId: Type.String(),
  identities: packedSchema,
  tokens: packedSchema,
  identityScopes: Type.String({
    description: 'base64url of 21 bytes each: as above, with the place of the scope after the id.',
  }),
  others: Type.Array(
    Type.Object({ kind: Type.String(), subject: Type.String(), generation: Type.Integer() }),
  ),
  nextAfter: Type.Optional(Type.Integer({ description: '`after` of the next page, if any.' })),
})

const eventSchema = Type.Object(
  {
    seq: Type.Integer(),
    after: Type.Integer({ description: 'Between this number and seq there is nothing else.' }),
    resourceId: Type.String(),
    kind: Type.String(),
    subject: Type.String(),
    generation: Type.Integer({ description: 'The lowest that still counts.' }),
    forgetAtMs: Type.Integer(),
  },
  {
    description: 'Data of `cut-off`; `open` and `keys` have the key set, `heartbeat` seq and atMs.',
  },
)

/** The operations by which verifiers elsewhere follow what is cut off in their resource. */
export function followingOperations({ db, streams }: FollowingRoom): readonly Operation[] {
  const noStore = { 'cache-control': 'no-store' }
  return [
    resourceOperation({
      access: 'follower',
      id: 'Parley_GetRevocationSnapshot',
      summary:
        'Gets the cut-offs that still void a token, a page at a time (`after` in the query).',
      method: 'GET',
      path: '/parley/revocations/snapshot',
      versions: 'unversioned',
      reply: { status: 200, schema: snapshotSchema, headers: noStore },
      handle: async ({ caller, query, nowMs }) => {
        const afterSeq = parsePosition(query['after'] ?? '0', 'after')
        if (!afterSeq.ok) return afterSeq
        const { resourceId } = caller
        const cutOffsMax = serverLimits.snapshotPageCutOffsMax
        const asked = { resourceId, afterSeq: afterSeq.value, nowMs, cutOffsMax }
        const page = await readSnapshotPage(db, asked)
        return ok({
          ...page,
          resourceId,
          identities: page.identities.toString('base64url'),
          tokens: page.tokens.toString('base64url'),
          identityScopes: page.identityScopes.toString('base64url'),
        })
      },
    }),
    resourceOperation({
      access: 'follower',
      id: 'Parley_FollowRevocations',
      summary: 'Streams cut-offs as they happen, after a number (`after`, or `Last-Event-ID`).',
      method: 'GET',
      path: '/parley/revocations/events',
      versions: 'unversioned',
      reply: { status: 200, schema: eventSchema, streamOf: 'text/event-stream' },
      handle: (call) => follow(streams, call),
    }),
  ]
}

async function follow(
  streams: FollowingRoom['streams'],
  { caller, query, headers }: ResourceCall<unknown>,
): Promise<Result<unknown, Fault>> {
  const afterSeq = parsePosition(headers['last-event-id'] ?? query['after'], 'after')
  return afterSeq.ok ? streams.open({ caller, afterSeq: afterSeq.value }) : afterSeq
}
