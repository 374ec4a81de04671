/**
 * An assignment as it is asked for, field by field. What is wrong is told by its field, as with any
 * other body.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { FieldFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Assignment, type AssignmentFamily, directoryId, type PrincipalType } from './model.ts'

/** The principals that a family knows, as the contract writes them. */
export const principalTypes = {
  entra: ['user', 'group', 'tenant'],
  teamsExtension: ['resourceAccount', 'user'],
} as const satisfies Readonly<Record<AssignmentFamily, readonly PrincipalType[]>>

/** What documentation and samples write instead. */
const aliases: Readonly<Record<string, PrincipalType>> = {
  teamsresourceaccount: 'resourceAccount',
}

/** An assignment as it came. */
export interface AssignmentRequest {
  readonly family: AssignmentFamily
  readonly tenantId: string
  readonly objectId: string
  readonly principalType: string
  /** Absent: none. */
  readonly clientIds?: readonly string[] | null | undefined
}

/** An assignment was asked for that cannot be. */
export interface AssignmentInvalid {
  readonly kind: 'body-invalid'
  readonly details: readonly FieldFault[]
}

const { clientIdsMax, directoryIdCharactersMax } = serverLimits
const idProblem = `Expected 1 to ${directoryIdCharactersMax} characters of printable ASCII.`

/**
 * Reads an assignment.
 *
 * Principals are named in any case, and resource accounts as in the documentation as well
 * (`teamsResourceAccount`). The object of a whole tenant is that tenant: what named another one
 * would cover nobody, and is refused instead.
 *
 * @param within - dotted path of the assignment in the body; absent for the body itself.
 * @faults `body-invalid`.
 */
export function readAssignment(
  asked: AssignmentRequest,
  within = '',
): Result<Assignment, AssignmentInvalid> {
  const { family } = asked
  const invalid = (field: string, problem: string): Result<never, AssignmentInvalid> => {
    const path = within === '' ? field : `${within}.${field}`.slice(0, 64)
    return fail({ kind: 'body-invalid', details: [{ field: path, problem }] })
  }
  const tenantId = directoryId(asked.tenantId)
  if (tenantId === undefined) return invalid('tenantId', idProblem)
  const objectId = directoryId(asked.objectId)
  if (objectId === undefined) return invalid('objectId', idProblem)
  const principalType = readPrincipalType(family, asked.principalType)
  if (principalType === undefined) {
    return invalid('principalType', `Expected ${principalTypes[family].join(' or ')}.`)
  }
  if (principalType === 'tenant' && objectId !== tenantId) {
    return invalid('objectId', 'The object of a whole tenant is the tenant.')
  }
  const clientIds = readClientIds(asked.clientIds ?? [])
  if (clientIds === undefined) {
    return invalid('clientIds', `Expected at most ${clientIdsMax} ids. ${idProblem}`)
  }
  return ok({ family, tenantId, objectId, principalType, clientIds })
}

/** Assignments of people by their objects, as they came; `null` for one that shall not be. */
export type AssignmentPatch = Readonly<
  Record<string, Omit<AssignmentRequest, 'family' | 'objectId'> | null>
>

/** A patch that was read: every object it names, and what is put there. */
export interface ReadPatch {
  readonly objectIds: readonly string[]
  readonly put: readonly Assignment[]
}

/**
 * Reads a patch of the assignments of people. Each member is a whole assignment: the contract
 * requires every field of it, so there is nothing to merge with.
 *
 * @faults `body-invalid` - also when an object stands twice: a GUID in capitals and the same one in
 *   small letters are one object.
 * @source RFC 7396; ACS Identity 2025-03-02-preview, `EntraAssignmentUpdateBulkRequest`.
 */
export function readAssignmentPatch(patch: AssignmentPatch): Result<ReadPatch, AssignmentInvalid> {
  const objectIds = new Set<string>()
  const put: Assignment[] = []
  for (const [key, asked] of Object.entries(patch)) {
    // What no assignment can be called is not there and need not be removed.
    const objectId = directoryId(key) ?? ''
    if (objectIds.has(objectId)) return standsTwice(key)
    if (objectId !== '') objectIds.add(objectId)
    if (asked === null) continue
    const read = readAssignment({ ...asked, family: 'entra', objectId: key }, key)
    if (!read.ok) return read
    put.push(read.value)
  }
  return ok({ objectIds: [...objectIds], put })
}

function standsTwice(key: string): Result<never, AssignmentInvalid> {
  const details = [{ field: key.slice(0, 64), problem: 'The object stands twice.' }]
  return fail({ kind: 'body-invalid', details })
}

function readPrincipalType(family: AssignmentFamily, text: string): PrincipalType | undefined {
  const lower = text.toLowerCase()
  const known: readonly PrincipalType[] = principalTypes[family]
  return known.find((one) => one.toLowerCase() === lower || one === aliases[lower])
}

/** Each id once, in their order. */
function readClientIds(texts: readonly string[]): readonly string[] | undefined {
  if (texts.length > clientIdsMax) return undefined
  const clientIds = new Set<string>()
  for (const text of texts) {
    const clientId = directoryId(text)
    if (clientId === undefined) return undefined
    clientIds.add(clientId)
  }
  return [...clientIds]
}
