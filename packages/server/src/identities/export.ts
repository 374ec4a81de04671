/**
 * Everything that is kept for somebody, for the owner of the resource, who owes it to that person.
 *
 * It is a line of JSON for each thing, read and written page by page, so that a million messages
 * take no more memory than a thousand, and a slow reader holds up nobody but himself. There is no
 * snapshot: what changes meanwhile is in it as it was before or after. The last line says that it
 * is the last; where it is missing, the export broke off.
 *
 * @source GDPR articles 15 and 20; docs/decisions/0026-export-and-deletion-receipt.md
 */
import { fail, ok, parseIdentityName, printIdentityName, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, resourceOperation } from '../contract/operation.ts'
import { type ReplyStream, StreamedReply } from '../contract/streamed-reply.ts'
import type { Database } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import type { Held, Holding } from './holdings.ts'
import { findIdentity, type NamedIdentity } from './store.ts'

/** What exporting needs. */
export interface ExportRoom {
  readonly db: Database
  readonly log: Pick<Log, 'error'>
  readonly holdings: readonly Holding[]
}

const lineSchema = Type.Object(
  { type: Type.String({ description: 'identity, accessToken, chatMessage, ..., end.' }) },
  { additionalProperties: true },
)

/** The operation that exports. */
export function exportOperations(room: ExportRoom): readonly Operation[] {
  let underWay = 0
  return [
    resourceOperation({
      id: 'Parley_ExportIdentity',
      summary: 'Exports all that is kept for an identity, one JSON object a line.',
      method: 'GET',
      path: '/parley/identities/{id}/export',
      versions: 'unversioned',
      reply: { status: 200, schema: lineSchema, streamOf: 'application/x-ndjson' },
      handle: async ({ caller, params, requestId }) => {
        const name = parseIdentityName(params['id'] ?? '')
        if (name?.resourceId !== caller.resourceId) return notOwned
        const identity = await findIdentity(room.db, name.resourceId, name.identityId)
        if (identity === undefined) return notOwned
        if (underWay >= serverLimits.exportsMax) return fail({ kind: 'server-busy' })
        underWay += 1
        return ok(
          new StreamedReply((stream) => {
            const reader = { isGone: false }
            void writeExport(room, { stream, held: name, identity, reader })
              .catch((error: unknown) => {
                room.log.error({ err: error, requestId }, 'an export broke off')
                stream.abort()
              })
              .finally(() => {
                underWay -= 1
              })
            return () => {
              reader.isGone = true
            }
          }),
        )
      },
    }),
  ]
}

const notOwned: Result<never, Fault> = fail({ kind: 'identity-not-owned' })

interface Export {
  readonly stream: ReplyStream
  readonly held: Held
  readonly identity: NamedIdentity
  readonly reader: { isGone: boolean }
}

async function writeExport(
  { db, holdings }: ExportRoom,
  { stream, held, identity, reader }: Export,
): Promise<void> {
  const rowsMax = serverLimits.exportPageRows
  const counts: Record<string, number> = {}
  const { lastTokenIssuedAtMs: atMs } = identity
  const issued = atMs === undefined ? {} : { lastTokenIssuedAt: printInstant(atMs) }
  stream.write(printLine('identity', { id: printIdentityName(held), ...issued }))
  for (const { type, list } of holdings) {
    counts[type] = 0
    let after: string | undefined
    do {
      const { lines, next } = await list(db, held, { after, rowsMax })
      for (const line of lines) {
        stream.write(printLine(type, line))
        await stream.drained()
        if (reader.isGone) return
      }
      counts[type] += lines.length
      after = next
    } while (after !== undefined)
  }
  stream.write(printLine('end', { counts }))
  stream.end()
}

function printLine(type: string, line: object): string {
  return `${JSON.stringify({ type, ...line })}\n`
}
