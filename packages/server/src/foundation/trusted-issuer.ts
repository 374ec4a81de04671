/**
 * `PARLEY_TRUSTED_ISSUERS`: whose tokens are believed, and what their bearers may do.
 *
 * Whoever can write this variable can make owners, and a typing error in it could make everybody
 * one. So nothing in it is guessed: a field that does not exist, a role that cannot be read and an
 * issuer that cannot be asked safely are refused at the start.
 */
import { fail, ok, type Result } from '@parley/protocol'
import { parseRole, type RoleAssignment } from './role.ts'

/** An issuer as far as it is trusted: for tokens of one audience. */
export interface TrustedIssuer {
  /** Compared with `iss` character by character; its discovery document is below it. */
  readonly issuer: string
  /** Compared with `aud`; slashes at the end do not count. */
  readonly audience: string
  /** Compared with `tid`, without regard to case; `undefined`: any, or none. */
  readonly tenant: string | undefined
  /** Claim in which roles stand. */
  readonly roleClaim: string
  /** What every bearer of a valid token has. */
  readonly roles: readonly RoleAssignment[]
}

/** Most entries: each issuer has its keys in memory. */
const entriesMax = 64

/** Longest text in an entry. */
const charactersMax = 2048

const fieldNames: readonly string[] = ['issuer', 'audience', 'tenant', 'roleClaim', 'roles']

/**
 * Reads the variable.
 *
 * @returns the entries, or what the variable must be, without a word of what it is.
 */
export function parseTrustedIssuers(text: string): Result<readonly TrustedIssuer[], string> {
  const list = parseJson(text)
  const form = 'a JSON array of {issuer, audience, tenant?, roleClaim?, roles?}'
  if (!Array.isArray(list) || list.length > entriesMax) {
    return fail(`${form}, at most ${entriesMax} of them`)
  }
  const issuers: TrustedIssuer[] = []
  for (const [index, entry] of list.entries()) {
    const read = readEntry(entry)
    if (!read.ok) return fail(`${form}; entry ${index + 1}: ${read.fault}`)
    issuers.push(read.value)
  }
  const names = issuers.map(({ issuer, audience, tenant = '' }) =>
    JSON.stringify([issuer, withoutLastSlashes(audience), tenant.toLowerCase()]),
  )
  const isAmbiguous = new Set(names).size < names.length
  if (isAmbiguous) return fail(`${form}; issuer, audience and tenant together stand once`)
  return ok(issuers)
}

/**
 * The audience as it is compared. Azure's clients ask for `https://communication.azure.com//` and
 * issuers differ in what they make of that: none, one or two slashes at the end.
 */
export function withoutLastSlashes(audience: string): string {
  let end = audience.length
  while (audience[end - 1] === '/') end -= 1
  return audience.slice(0, end)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function readEntry(entry: unknown): Result<TrustedIssuer, string> {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return fail('must be an object')
  }
  if (Object.keys(entry).some((name) => !fieldNames.includes(name))) {
    return fail(`has no other fields than ${fieldNames.join(', ')}`)
  }
  const fields = entry as Readonly<Record<string, unknown>>
  const { issuer, audience, tenant, roleClaim = 'roles', roles = [] } = fields
  if (!isText(issuer) || !isIssuerUrl(issuer)) return fail(issuerExpected)
  if (!isText(audience) || withoutLastSlashes(audience) === '') {
    return fail('"audience" must be the text that tokens have in `aud`')
  }
  if (tenant !== undefined && !isText(tenant))
    return fail('"tenant" must be a text that is not empty')
  if (!isText(roleClaim)) return fail('"roleClaim" must be the name of a claim')
  const assignments = readRoles(roles)
  if (assignments === undefined) return fail(rolesExpected)
  return ok({ issuer, audience, tenant, roleClaim, roles: assignments })
}

const issuerExpected =
  '"issuer" must be an https URL (or http on loopback) without query, fragment or credentials'
const rolesExpected =
  '"roles" must be an array of administrator, owner, contributor and reader, with @<path> if any'

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= charactersMax
}

function readRoles(value: unknown): readonly RoleAssignment[] | undefined {
  if (!Array.isArray(value)) return undefined
  const assignments: RoleAssignment[] = []
  for (const text of value) {
    const assignment = typeof text === 'string' ? parseRole(text) : undefined
    if (assignment === undefined) return undefined
    assignments.push(assignment)
  }
  return assignments
}

function isIssuerUrl(text: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(text) || /[?#"\\]/.test(text)) return false
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || isLoopbackHost(url.hostname)
}

/**
 * Says whether a host name is that of this machine, so that plain http to it crosses no wire.
 *
 * @param hostname - as a parsed URL has it: lower case, IPv4 in four parts, IPv6 in brackets.
 */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/.test(hostname)
}
