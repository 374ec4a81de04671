import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import {
  type Operation,
  Replied,
  type ResourceCall,
  resourceOperation,
} from '../contract/operation.ts'
import { type AssignmentRoom, assignmentListOperations } from './assignment-list.ts'
import { readAssignment } from './assignment-request.ts'
import {
  entraRequestSchema,
  entraSchema,
  printAssignment,
  teamsRequestSchema,
  teamsSchema,
} from './assignment-wire.ts'
import { changeAssignments } from './assignments.ts'
import { type Assignment, type AssignmentFamily, directoryId } from './model.ts'
import { findAssignmentInTenant, findAssignmentOfObject } from './store.ts'

const preview = { since: '2025-03-02-preview', until: '2025-03-02-preview' } as const
const later = { since: '2025-03-02-preview' } as const
const entraPlace = { path: '/access/entra/assignments/{objectId}', versions: preview } as const
const teamsPlace = {
  path: '/access/teamsExtension/tenants/{tenantId}/assignments/{objectId}',
  versions: later,
} as const

/** The operations on assignments. */
export function assignmentOperations(room: AssignmentRoom): readonly Operation[] {
  return [
    ...assignmentListOperations(room),
    ...entraOperations(room),
    ...teamsExtensionOperations(room),
  ]
}

function entraOperations(room: AssignmentRoom): readonly Operation[] {
  const family = 'entra'
  return [
    resourceOperation({
      ...entraPlace,
      id: 'EntraIdAssignment_Get',
      summary: 'Gets the assignment of an Entra user, group or tenant.',
      method: 'GET',
      reply: { status: 200, schema: entraSchema },
      handle: async ({ caller: { resourceId }, params }) => {
        const objectId = directoryId(params['objectId'] ?? '')
        if (objectId === undefined) return assignmentUnknown
        return printFound(await findAssignmentOfObject(room.db, resourceId, objectId))
      },
    }),
    resourceOperation({
      ...entraPlace,
      id: 'EntraIdAssignment_Upsert',
      summary: 'Lets an Entra user, group or tenant exchange tokens, by the applications named.',
      method: 'PUT',
      body: { schema: entraRequestSchema, isRequired: true },
      reply: { status: 200, otherStatuses: [201], schema: entraSchema },
      handle: (call) =>
        putAssignment(room, call, {
          operation: 'EntraIdAssignment_Upsert',
          family,
          tenantId: call.body.tenantId,
        }),
    }),
    resourceOperation({
      ...entraPlace,
      id: 'EntraIdAssignment_Delete',
      summary: 'Lets an Entra user, group or tenant exchange tokens no more.',
      method: 'DELETE',
      reply: { status: 204 },
      handle: (call) =>
        deleteAssignment(room, call, {
          operation: 'EntraIdAssignment_Delete',
          family,
          tenantId: '',
        }),
    }),
  ]
}

function teamsExtensionOperations(room: AssignmentRoom): readonly Operation[] {
  const family = 'teamsExtension'
  return [
    resourceOperation({
      ...teamsPlace,
      id: 'TeamsExtensionAssignment_Get',
      summary: 'Gets the assignment of a Teams user or resource account.',
      method: 'GET',
      reply: { status: 200, schema: teamsSchema },
      handle: async ({ caller: { resourceId }, params }) => {
        const tenantId = directoryId(params['tenantId'] ?? '')
        const objectId = directoryId(params['objectId'] ?? '')
        if (tenantId === undefined || objectId === undefined) return assignmentUnknown
        const named = { tenantId, objectId }
        return printFound(await findAssignmentInTenant(room.db, resourceId, named))
      },
    }),
    resourceOperation({
      ...teamsPlace,
      id: 'TeamsExtensionAssignment_Upsert',
      summary: 'Lets a Teams user or resource account exchange tokens.',
      method: 'PUT',
      body: { schema: teamsRequestSchema, isRequired: true },
      reply: { status: 200, otherStatuses: [201], schema: teamsSchema },
      handle: (call) =>
        putAssignment(room, call, {
          operation: 'TeamsExtensionAssignment_Upsert',
          family,
          tenantId: call.params['tenantId'] ?? '',
        }),
    }),
    resourceOperation({
      ...teamsPlace,
      id: 'TeamsExtensionAssignment_Delete',
      summary: 'Lets a Teams user or resource account exchange tokens no more.',
      method: 'DELETE',
      reply: { status: 204 },
      handle: (call) => {
        const tenantId = directoryId(call.params['tenantId'] ?? '')
        if (tenantId === undefined) return ok(undefined)
        const operation = 'TeamsExtensionAssignment_Delete'
        return deleteAssignment(room, call, { operation, family, tenantId })
      },
    }),
  ]
}

/** Where one assignment is changed, and by which operation. */
interface Change {
  readonly operation: string
  readonly family: AssignmentFamily
  readonly tenantId: string
}

interface RequestedAssignment {
  readonly principalType: string
  readonly clientIds?: readonly string[] | null
}

async function putAssignment(
  room: AssignmentRoom,
  call: ResourceCall<RequestedAssignment>,
  { operation, family, tenantId }: Change,
): Promise<Result<unknown, Fault>> {
  const { body, params } = call
  const objectId = params['objectId'] ?? ''
  const { principalType, clientIds } = body
  const read = readAssignment({ family, tenantId, objectId, principalType, clientIds })
  if (!read.ok) return read
  const assignment = read.value
  const named = {
    family,
    tenantId: family === 'entra' ? '' : assignment.tenantId,
    objectIds: [assignment.objectId],
  }
  const changed = await changeAssignments(room, { ...call, operation, named, put: [assignment] })
  if (!changed.ok) return changed
  const printed = printAssignment(assignment)
  return ok(changed.value === 0 ? new Replied(201, printed) : printed)
}

/** Deleting what is not there is no fault: it is not there afterwards either. */
async function deleteAssignment(
  room: AssignmentRoom,
  call: ResourceCall<unknown>,
  { operation, family, tenantId }: Change,
): Promise<Result<unknown, Fault>> {
  const objectId = directoryId(call.params['objectId'] ?? '')
  if (objectId === undefined) return ok(undefined)
  const named = { family, tenantId, objectIds: [objectId] }
  const changed = await changeAssignments(room, { ...call, operation, named, put: [] })
  return changed.ok ? ok(undefined) : changed
}

function printFound(found: Assignment | undefined): Result<unknown, Fault> {
  return found === undefined ? assignmentUnknown : ok(printAssignment(found))
}

const assignmentUnknown = fail<Fault>({ kind: 'entry-unknown', what: 'assignment' })
