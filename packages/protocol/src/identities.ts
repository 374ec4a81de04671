/**
 * An identity as the wire names it: `8:acs:<resource>_<id>`, both parts in the shape of a GUID,
 * lower case. Clients treat the text as opaque; more than one underscore would make another kind
 * of user of it in every current SDK.
 */
export interface IdentityName {
  /** The resource that owns the identity. */
  readonly resourceId: string
  /** The identity within it: 128 bits, time-ordered, never used twice. */
  readonly identityId: string
}

const prefix = '8:acs:'
const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Says whether `text` has the shape of a GUID in lower case: 36 characters, RFC 9562 section 4. */
export function isGuid(text: string): boolean {
  return text.length === 36 && guidPattern.test(text)
}

/** The text of an identity name, 79 characters. */
export function printIdentityName(name: IdentityName): string {
  return `${prefix}${name.resourceId}_${name.identityId}`
}

/**
 * Reads an identity name as Parley issues them.
 *
 * @returns `undefined` for anything else, well-formed identifiers of other kinds included.
 * @source ACS raw ids, `communicationUser`.
 */
export function parseIdentityName(text: string): IdentityName | undefined {
  if (text.length !== 79 || !text.startsWith(prefix) || text[42] !== '_') return undefined
  const resourceId = text.slice(6, 42)
  const identityId = text.slice(43)
  return isGuid(resourceId) && isGuid(identityId) ? { resourceId, identityId } : undefined
}
