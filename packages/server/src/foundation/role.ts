/**
 * The grammar of roles, which stand in tokens of trusted issuers and in the settings.
 *
 * A role holds at a place of the control plane and at everything below it, as in Azure. It is
 * written `<role>` (everywhere) or `<role>@<path>`, for example
 * `owner@/subscriptions/<id>/resourceGroups/<group>`. Case does not count, neither in roles nor in
 * paths.
 */

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
  const path = rest.join('@')
  // `owner@` is a path that somebody forgot to fill in; it must not mean everywhere.
  if (role === undefined || (rest.length > 0 && !path.startsWith('/'))) return undefined
  return { role, place: path.replace(/\/+$/, '') }
}
