import { fail, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import {
  type Operation,
  Replied,
  type ResourceCall,
  resourceOperation,
} from '../contract/operation.ts'
import { type AssignmentPatch, readAssignmentPatch } from './assignment-request.ts'
import {
  entraRequestSchema,
  entraSchema,
  printAssignment,
  type WireAssignment,
} from './assignment-wire.ts'
import { type AssignmentKeeper, changeAssignments } from './assignments.ts'
import { directoryId } from './model.ts'
import { listAssignments } from './store.ts'

/** What the operations on the list of assignments need. */
export interface AssignmentRoom extends AssignmentKeeper {
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
}

const entraListSchema = Type.Object({
  value: Type.Array(entraSchema),
  nextLink: Type.Optional(Type.String({ description: 'Where the list goes on.' })),
})

/** @source ACS Identity 2025-03-02-preview, `EntraAssignmentUpdateBulkRequest`; RFC 7396. */
const entraPatchSchema = Type.Object(
  {},
  {
    additionalProperties: Type.Union([entraRequestSchema, Type.Null()]),
    description: 'Assignments by their objects: what each is from now on, or null for none.',
  },
)

const preview = { since: '2025-03-02-preview', until: '2025-03-02-preview' } as const
const listPath = '/access/entra/assignments'

/** The operations on all assignments of people at once. */
export function assignmentListOperations(room: AssignmentRoom): readonly Operation[] {
  return [
    resourceOperation({
      id: 'EntraIdAssignments_List',
      summary: 'Lists the Entra users, groups and tenants that may exchange their tokens.',
      method: 'GET',
      path: listPath,
      versions: preview,
      reply: { status: 200, schema: entraListSchema },
      handle: async (call) => {
        const afterObjectId = readSkipToken(call.query[skipToken])
        if (afterObjectId !== undefined) return ok(await pageAfter(room, call, afterObjectId))
        return fail({ kind: 'query-invalid', parameter: skipToken, expected: 'as it was given' })
      },
    }),
    resourceOperation({
      id: 'EntraIdAssignments_Update',
      summary: 'Adds, replaces and removes several assignments at once.',
      method: 'PATCH',
      path: listPath,
      versions: preview,
      body: { schema: entraPatchSchema, isRequired: true, isMergePatchOnly: true },
      reply: { status: 200, otherStatuses: [204], schema: entraListSchema },
      handle: (call) => patchAssignments(room, call),
    }),
  ]
}

/** The reply is the list as it is afterwards, and nothing where nothing is left of it. */
async function patchAssignments(
  room: AssignmentRoom,
  call: ResourceCall<object>,
): Promise<Result<unknown, Fault>> {
  const read = readAssignmentPatch(call.body as AssignmentPatch)
  if (!read.ok) return read
  const { objectIds, put } = read.value
  const named = { family: 'entra', tenantId: '', objectIds } as const
  const operation = 'EntraIdAssignments_Update'
  const changed = await changeAssignments(room, { ...call, operation, named, put })
  if (!changed.ok) return changed
  const page = await pageAfter(room, call, '')
  return ok(page.value.length === 0 ? new Replied(204) : page)
}

const skipToken = '$skipToken'

/** @returns the object after which the page begins; `undefined` for what was never given out. */
function readSkipToken(value: unknown): string | undefined {
  if (value === undefined) return ''
  if (typeof value !== 'string') return undefined
  return directoryId(Buffer.from(value, 'base64url').toString('utf8'))
}

interface Page {
  readonly value: readonly WireAssignment[]
  readonly nextLink?: string
}

async function pageAfter(
  room: AssignmentRoom,
  call: Pick<ResourceCall<unknown>, 'caller' | 'version'>,
  afterObjectId: string,
): Promise<Page> {
  const { resourceId } = call.caller
  const { assignmentsInPage } = serverLimits
  // One more than a page holds says whether there is another page.
  const found = await listAssignments(room.db, resourceId, {
    afterObjectId,
    assignmentsMax: assignmentsInPage + 1,
  })
  const value = found.slice(0, assignmentsInPage).map(printAssignment)
  const last = value.at(-1)
  if (found.length <= assignmentsInPage || last === undefined) return { value }
  const endpoint = room.endpointFor(room.findResource(resourceId)?.name ?? '')
  const token = Buffer.from(last.objectId).toString('base64url')
  const query = `api-version=${call.version}&${encodeURIComponent(skipToken)}=${token}`
  return { value, nextLink: `${endpoint.slice(0, -1)}${listPath}?${query}` }
}
