import { fail, isGuid, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { controlOperation, type Operation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { AuditEntry } from './model.ts'
import { listAuditEntries } from './store.ts'

/** What reading the audit log needs. */
export interface AuditRoom {
  readonly db: Database
  /** The https endpoint with a slash at its end. */
  readonly endpoint: string
}

/** Where the entries are, without a slash at its start. */
export const auditEntriesPath = 'parley/auditEntries'

const hashSchema = Type.String({ description: 'SHA-256 in hexadecimal.' })

const entrySchema = Type.Object({
  seq: Type.Integer({ description: 'From 1, without gaps.' }),
  at: instantSchema,
  actor: Type.String({
    description: 'admin-token, access-key/<slot>.<generation>, bearer/<issuer>/<subject>, server.',
  }),
  operation: Type.String(),
  target: Type.String({ description: 'Path of what it was done to.' }),
  resourceId: Type.Optional(Type.String()),
  requestId: Type.String(),
  previousHash: hashSchema,
  hash: hashSchema,
})

const auditPageSchema = Type.Object({
  value: Type.Array(entrySchema),
  nextLink: Type.Optional(Type.String({ description: 'Where the next page is; absent: nowhere.' })),
})

/** The operations on the audit log. There is none that changes it. */
export function auditOperations(room: AuditRoom): readonly Operation[] {
  return [
    controlOperation('administrator', {
      id: 'Parley_ListAuditEntries',
      summary: 'Lists who did what: `resourceId`, `after` (a seq) and `maxPageSize` in the query.',
      method: 'GET',
      path: `/${auditEntriesPath}`,
      versions: 'unversioned',
      reply: { status: 200, schema: auditPageSchema, headers: { 'cache-control': 'no-store' } },
      handle: ({ query }) => answerPage(room, query),
    }),
  ]
}

async function answerPage(
  room: AuditRoom,
  query: Readonly<Record<string, unknown>>,
): Promise<Result<Static<typeof auditPageSchema>, Fault>> {
  const asked = parseQuery(query)
  if (!asked.ok) return asked
  const { afterSeq, pageSize, resourceId } = asked.value
  // One more than asked for says whether there is another page.
  const entries = await listAuditEntries(room.db, {
    afterSeq,
    entriesMax: pageSize + 1,
    resourceId,
  })
  const value = entries.slice(0, pageSize).map(printEntry)
  const last = value.at(-1)
  if (last === undefined || entries.length === value.length) return ok({ value })
  const next = new URL(auditEntriesPath, room.endpoint)
  if (resourceId !== undefined) next.searchParams.set('resourceId', resourceId)
  next.searchParams.set('after', String(last.seq))
  next.searchParams.set('maxPageSize', String(pageSize))
  return ok({ value, nextLink: next.href })
}

interface PageAsked {
  readonly afterSeq: number
  readonly pageSize: number
  readonly resourceId: string | undefined
}

function parseQuery(query: Readonly<Record<string, unknown>>): Result<PageAsked, Fault> {
  const afterSeq = wholeNumber(query, 'after', { min: 0, max: Number.MAX_SAFE_INTEGER, absent: 0 })
  if (!afterSeq.ok) return afterSeq
  const max = serverLimits.auditPageEntriesMax
  const pageSize = wholeNumber(query, 'maxPageSize', { min: 1, max, absent: max })
  if (!pageSize.ok) return pageSize
  const page = { afterSeq: afterSeq.value, pageSize: pageSize.value }
  const { resourceId } = query
  if (resourceId === undefined) return ok({ ...page, resourceId })
  const id = typeof resourceId === 'string' ? resourceId.toLowerCase() : ''
  if (!isGuid(id)) return invalid('resourceId', 'the GUID of a resource')
  return ok({ ...page, resourceId: id })
}

function wholeNumber(
  query: Readonly<Record<string, unknown>>,
  name: string,
  range: { readonly min: number; readonly max: number; readonly absent: number },
): Result<number, Fault> {
  const { min, max, absent } = range
  const text = query[name]
  if (text === undefined) return ok(absent)
  const value = typeof text === 'string' && /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? ok(value) : invalid(name, `a whole number, ${min}..${max}`)
}

function invalid(parameter: string, expected: string): Result<never, Fault> {
  return fail({ kind: 'query-invalid', parameter, expected })
}

function printEntry(entry: AuditEntry): Static<typeof entrySchema> {
  const { seq, atMs, actor, operation, target, resourceId, requestId } = entry
  const { previousHash, hash } = entry
  const act = { seq, at: printInstant(atMs), actor, operation, target }
  const about = resourceId === undefined ? {} : { resourceId }
  return { ...act, ...about, requestId, previousHash, hash }
}
