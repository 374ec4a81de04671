/**
 * What the bearer of a trusted issuer may do, and where.
 *
 * A role holds at a place of the control plane and at everything below it, as in Azure. In a token
 * or in the configuration it stands as `<role>` (everywhere) or `<role>@<path>`, for example
 * `owner@/subscriptions/<id>/resourceGroups/<group>`. Case does not count, neither in roles nor in
 * paths.
 */
import type { Access } from '../contract/operation.ts'

/** What a bearer is to a place. */
export type Role = (typeof roles)[number]

const roles = ['administrator', 'owner', 'contributor', 'reader'] as const

/** A role and where it holds. */
export interface RoleAssignment {
  readonly role: Role
  /** Lower case, without a slash at its end; empty for everywhere. */
  readonly place: string
}

/** Reads a role as it stands in a token or in the configuration; `undefined` for any other text. */
export function parseRole(text: string): RoleAssignment | undefined {
  const [name = '', ...rest] = text.trim().toLowerCase().split('@')
  const role = roles.find((one) => one === name)
  const place = rest.join('@').replace(/\/+$/, '')
  if (role === undefined || (rest.length > 0 && !place.startsWith('/') && place !== '')) {
    return undefined
  }
  return { role, place }
}

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
