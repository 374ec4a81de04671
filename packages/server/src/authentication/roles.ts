/** What the bearer of a trusted issuer may do, and where. */
import type { Access } from '../contract/operation.ts'
import type { Role, RoleAssignment } from '../foundation/role.ts'

const rolesFor: Readonly<Partial<Record<Access, readonly Role[]>>> = {
  resource: ['administrator', 'owner', 'contributor'],
  administrator: ['administrator'],
  reader: ['administrator', 'reader'],
}

/**
 * Says whether one of the roles allows a kind of access at a place.
 *
 * @param place - a path of the control plane; empty for the installation as a whole.
 */
export function isAllowed(
  assignments: readonly RoleAssignment[],
  access: Access,
  place: string,
): boolean {
  const sufficient = rolesFor[access] ?? []
  const path = `${place.toLowerCase()}/`
  return assignments.some(
    (held) => sufficient.includes(held.role) && path.startsWith(`${held.place}/`),
  )
}
