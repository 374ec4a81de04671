import { Type } from '@sinclair/typebox'
import { absentable } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { principalTypes } from './assignment-request.ts'
import type { Assignment } from './model.ts'

const idText = `1 to ${serverLimits.directoryIdCharactersMax} characters of printable ASCII`
const applications =
  `The applications by which such people may exchange, ${serverLimits.clientIdsMax} at most. ` +
  'Without one, nobody may.'

/** @source ACS Identity 2025-03-02-preview, `EntraAssignmentCreateOrUpdateRequest`. */
export const entraRequestSchema = Type.Object({
  tenantId: Type.String({ description: idText }),
  principalType: Type.String({ enum: [...principalTypes.entra] }),
  clientIds: Type.Array(Type.String({ description: idText }), { description: applications }),
})

/** @source ACS Identity 2025-03-02-preview, `EntraAssignment`. */
export const entraSchema = Type.Object({
  objectId: Type.String(),
  tenantId: Type.String(),
  principalType: Type.String({ enum: [...principalTypes.entra] }),
  clientIds: Type.Array(Type.String()),
})

/** @source ACS Identity 2025-06-30, `TeamsExtensionAssignmentCreateOrUpdateRequest`. */
export const teamsRequestSchema = Type.Object({
  principalType: Type.String({ enum: [...principalTypes.teamsExtension] }),
  clientIds: absentable(
    Type.Array(Type.String({ description: idText }), { description: applications }),
  ),
})

/** @source ACS Identity 2025-06-30, `TeamsExtensionAssignmentResponse`. */
export const teamsSchema = Type.Object({
  objectId: Type.String(),
  tenantId: Type.String(),
  principalType: Type.String({ enum: [...principalTypes.teamsExtension] }),
  clientIds: Type.Optional(Type.Array(Type.String())),
})

/** An assignment on the wire. */
export type WireAssignment = Pick<
  Assignment,
  'objectId' | 'tenantId' | 'principalType' | 'clientIds'
>

/** The wire form of an assignment. */
export function printAssignment(assignment: Assignment): WireAssignment {
  const { objectId, tenantId, principalType, clientIds } = assignment
  return { objectId, tenantId, principalType, clientIds }
}
