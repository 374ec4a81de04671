import { fail, isGuid, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import {
  type Call,
  controlOperation,
  type Operation,
  Replied,
  resourceOperation,
} from '../contract/operation.ts'
import { PrintedCsv } from '../contract/printed-text.ts'
import type { Database } from '../database/connect.ts'
import type { Resource } from '../resources/model.ts'
import { differencesOf, type UsageSource } from './comparison.ts'
import { parseUsageQuery, printCsv, printPlace, wireHour } from './page.ts'
import { deleteUsageOfDeleted, listUsage } from './store.ts'

/** What telling of usage needs. */
export interface UsageRoom {
  readonly db: Database
  /** The https endpoint of the server, with a slash at its end. */
  readonly endpoint: string
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
  readonly findResource: (resourceId: string) => Resource | undefined
  /** How each meter is counted again. */
  readonly sources: readonly UsageSource[]
}

const hourSchema = Type.Object({
  resourceId: Type.String(),
  hour: Type.String({ format: 'date-time', description: 'Its beginning, UTC.' }),
  meter: Type.String(),
  unit: Type.String(),
  quantity: Type.Integer(),
})

const reply = {
  status: 200,
  schema: Type.Object({
    value: Type.Array(hourSchema),
    nextLink: Type.Optional(Type.String({ description: 'In CSV it is in a Link header.' })),
  }),
  isAlsoCsv: true,
  headers: { 'cache-control': 'no-store' },
} as const

/** The operations that tell what was used. There is none that changes what a live resource used. */
export function usageOperations(room: UsageRoom): readonly Operation[] {
  return [
    resourceOperation({
      id: 'Parley_GetUsage',
      summary: 'Lists what the resource used, by hour and meter: `from`, `to`, `meter`, `format`.',
      method: 'GET',
      path: '/usage',
      versions: 'unversioned',
      reply,
      handle: (call) => {
        const { resourceId } = call.caller
        const name = room.findResource(resourceId)?.name ?? ''
        return answerPage(room, call, { resourceId, url: `${room.endpointFor(name)}usage` })
      },
    }),
    controlOperation('reader', {
      id: 'Parley_ListUsage',
      summary: 'Lists what all resources used, or that of the `resourceId`; deleted ones as well.',
      method: 'GET',
      path: '/parley/usage',
      versions: 'unversioned',
      reply,
      handle: (call) => {
        const resourceId = parseResourceId(call.query)
        if (!resourceId.ok) return resourceId
        const url = `${room.endpoint}parley/usage`
        return answerPage(room, call, { resourceId: resourceId.value, url })
      },
    }),
    compareOperation(room),
    forgetOperation(room),
  ]
}

/** Whose usage is listed, and where. */
interface Listed {
  /** Absent: that of all resources. */
  readonly resourceId: string | undefined
  readonly url: string
}

async function answerPage(
  room: UsageRoom,
  call: Pick<Call, 'query' | 'headers'>,
  { resourceId, url }: Listed,
): Promise<Result<unknown, Fault>> {
  const asked = parseUsageQuery(call, resourceId)
  if (!asked.ok) return asked
  const { hoursMax, repeated, isCsv } = asked.value
  const found = await listUsage(room.db, { ...asked.value, hoursMax: hoursMax + 1 })
  const hours = found.slice(0, hoursMax)
  const last = found.length > hoursMax ? hours.at(-1) : undefined
  const next = last && `${url}?${new URLSearchParams({ ...repeated, after: printPlace(last) })}`
  const value = hours.map(wireHour)
  if (!isCsv) return ok({ value, ...(next === undefined ? {} : { nextLink: next }) })
  const link = next === undefined ? {} : { link: `<${next}>; rel="next"` }
  return ok(new Replied(200, new PrintedCsv(printCsv(value)), link))
}

function parseResourceId({ resourceId }: Call['query']): Result<string | undefined, Fault> {
  if (resourceId === undefined) return ok(undefined)
  const id = typeof resourceId === 'string' ? resourceId.toLowerCase() : ''
  if (isGuid(id)) return ok(id)
  const expected = 'the GUID of a resource'
  return fail({ kind: 'query-invalid', parameter: 'resourceId', expected })
}

const differenceSchema = Type.Object({
  hour: instantSchema,
  meter: Type.String(),
  counted: Type.Integer({ description: 'What was used and not purged since.' }),
  stored: Type.Integer(),
})

function compareOperation({ db, sources, findResource }: UsageRoom): Operation {
  return controlOperation('reader', {
    id: 'Parley_CompareUsage',
    summary: 'Counts again what a resource has stored, and lists where its usage differs: nowhere.',
    method: 'GET',
    path: '/parley/usage/{resourceId}/differences',
    versions: 'unversioned',
    reply: { status: 200, schema: Type.Object({ value: Type.Array(differenceSchema) }) },
    handle: async ({ params }) => {
      const resource = findResource(params['resourceId']?.toLowerCase() ?? '')
      if (resource === undefined) return fail({ kind: 'entry-unknown', what: 'resource' })
      const differences = await differencesOf(db, resource.resourceId, sources)
      const value = differences.map(({ hourMs, ...rest }) => ({
        hour: printInstant(hourMs),
        ...rest,
      }))
      return ok({ value })
    },
  })
}

function forgetOperation({ db }: UsageRoom): Operation {
  const operation = 'Parley_ForgetUsage'
  return controlOperation('administrator', {
    id: operation,
    summary: 'Deletes the usage of a resource that is deleted and purged: its bill is settled.',
    method: 'DELETE',
    path: '/parley/usage/{resourceId}',
    versions: 'unversioned',
    reply: { status: 204 },
    handle: async ({ params, caller: { actor }, requestId, nowMs: atMs }) => {
      const resourceId = params['resourceId']?.toLowerCase() ?? ''
      if (!isGuid(resourceId)) return usageUnknown
      const count = await db.begin(async (transaction) => {
        const hours = await deleteUsageOfDeleted(transaction, resourceId)
        const target = `/parley/usage/${resourceId}`
        const act = { actor, operation, target, resourceId, requestId, atMs }
        await appendAudit(transaction, hours === 0 ? [] : [act])
        return hours
      })
      return count === 0 ? usageUnknown : ok(undefined)
    },
  })
}

const usageUnknown = fail<Fault>({ kind: 'entry-unknown', what: 'usage of a deleted resource' })
