import { fail, isGuid, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { controlOperation, type Operation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { listPurges, type PurgePlace, type PurgeReport } from './purge-store.ts'

/** What telling of purges needs. */
export interface PurgeRoom {
  readonly db: Database
  /** The https endpoint of the server, with a slash at its end. */
  readonly endpoint: string
}

const reportSchema = Type.Object({
  resourceId: Type.String(),
  subscriptionId: Type.String(),
  resourceGroup: Type.String(),
  name: Type.String(),
  startedOn: instantSchema,
  identitiesDeleted: Type.Integer(),
  tokensDeleted: Type.Integer(),
  finishedOn: Type.Optional(instantSchema),
})

const pageSizeMax = 1000
const pageSizeDefault = 100

/** The operations that tell how far the purge of deleted resources is. */
export function purgeOperations(room: PurgeRoom): readonly Operation[] {
  return [
    controlOperation('reader', {
      id: 'Parley_ListPurges',
      summary: 'Lists deleted resources and how far the purge of their data is, the oldest first.',
      method: 'GET',
      path: '/parley/purges',
      versions: 'unversioned',
      reply: {
        status: 200,
        schema: Type.Object({
          value: Type.Array(reportSchema),
          nextLink: Type.Optional(Type.String()),
        }),
      },
      handle: async ({ query }) => {
        const page = readPage(query)
        if (!page.ok) return page
        const { after, pageSize } = page.value
        const found = await listPurges(room.db, { after, reportsMax: pageSize + 1 })
        const reports = found.slice(0, pageSize)
        const last = found.length > pageSize ? reports.at(-1) : undefined
        const nextLink = last && printNextLink(room.endpoint, last, pageSize)
        return ok({ value: reports.map(wireReport), ...(nextLink ? { nextLink } : {}) })
      },
    }),
  ]
}

interface Page {
  readonly after: PurgePlace | undefined
  readonly pageSize: number
}

function readPage(query: Readonly<Record<string, unknown>>): Result<Page, Fault> {
  const { maxPageSize = String(pageSizeDefault), after: place } = query
  const pageSize = /^[0-9]{1,4}$/.test(String(maxPageSize)) ? Number(maxPageSize) : 0
  if (pageSize < 1 || pageSize > pageSizeMax) {
    const expected = `a number from 1 to ${pageSizeMax}`
    return fail({ kind: 'query-invalid', parameter: 'maxPageSize', expected })
  }
  const after = place === undefined ? undefined : parsePlace(String(place))
  if (place !== undefined && after === undefined) {
    return fail({ kind: 'query-invalid', parameter: 'after', expected: 'as in a nextLink' })
  }
  return ok({ after, pageSize })
}

function parsePlace(text: string): PurgePlace | undefined {
  const [, beganAt, resourceId = ''] = /^([0-9]{1,15})_(.+)$/.exec(text) ?? []
  return isGuid(resourceId) ? { beganAtMs: Number(beganAt), resourceId } : undefined
}

function printNextLink(endpoint: string, last: PurgeReport, pageSize: number): string {
  const { beganAtMs, resourceId } = last
  return `${endpoint}parley/purges?maxPageSize=${pageSize}&after=${beganAtMs}_${resourceId}`
}

function wireReport(report: PurgeReport) {
  const { beganAtMs, finishedAtMs, ...rest } = report
  return {
    ...rest,
    startedOn: printInstant(beganAtMs),
    ...(finishedAtMs === undefined ? {} : { finishedOn: printInstant(finishedAtMs) }),
  }
}
