import { ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { parsePosition } from './position.ts'
import { createSnapshotPages } from './snapshot-pages.ts'
import type { RevocationStreams } from './streams.ts'

/** What following needs. */
export interface FollowingRoom {
  readonly db: Database
  readonly streams: Pick<RevocationStreams, 'open'>
}

const snapshotSchema = Type.String({
  description: [
    'Four bytes with the length of the head, the highest first; the head; then records of',
    '20 bytes: the id, and four of its generation, the highest first; those of scopes have 21,',
    'with the place of the scope after the id. The head is JSON: `seq` (that of the first page is',
    'where the stream goes on after), `resourceId`, `identityBytes`, `tokenBytes` and',
    '`identityScopeBytes` (of the records, which come in this order), `others` (`kind`, `subject`,',
    '`generation` of what has no record), `nextAfter` (`after` of the next page, if any), and on',
    'the first of several pages `expected`: about how many of each kind there are in all.',
  ].join(' '),
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
  const pages = createSnapshotPages(db)
  return [
    resourceOperation({
      access: 'follower',
      id: 'Parley_GetRevocationSnapshot',
      summary:
        'Gets the cut-offs that still void a token, a page at a time (`after` in the query).',
      method: 'GET',
      path: '/parley/revocations/snapshot',
      versions: 'unversioned',
      reply: { status: 200, schema: snapshotSchema, isBytes: true, headers: noStore },
      handle: async ({ caller, query, nowMs }) => {
        const afterSeq = parsePosition(query['after'] ?? '0', 'after')
        if (!afterSeq.ok) return afterSeq
        const { resourceId } = caller
        return ok(await pages.read({ resourceId, afterSeq: afterSeq.value, nowMs }))
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
