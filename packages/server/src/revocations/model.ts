/**
 * What can be taken back: everything issued to an identity so far, what was issued to it before an
 * instant, or one token.
 *
 * The three meet in two kinds of cut-offs. An identity starts its next generation, which voids any
 * number of tokens by one row. One token is denied by its id, until it expires. Tokens issued
 * before an instant are found in the ledger and denied one by one: an instant that verifiers
 * compared would decide by the clocks of two machines, and by whole seconds.
 *
 * The ledger says which tokens are the caller's own. A token that is shown as text must be genuine:
 * whoever can make up a text could otherwise deny a token that it has only heard the id of.
 *
 * A target ends as one of three. `revoked`: it opens nothing anywhere, from the answer on, also
 * where it had been void before. `unknown`: this resource has no such identity, or no such token
 * that has not expired; there was nothing to do. `invalid`: it names nothing at all, or a token
 * that no server of this installation signed. What belongs to another resource is `unknown`, like
 * what does not exist.
 *
 * Rejected: all or nothing. Of a thousand people who left, one who was deleted yesterday would keep
 * the others in.
 */
import { isGuid, parseIdentityName } from '@parley/protocol'

/** A target as it came; exactly one of `identity`, `jti` and `token` makes sense. */
export interface AskedTarget {
  readonly identity?: string | null
  readonly issuedBefore?: string | null
  readonly jti?: string | null
  readonly token?: string | null
}

/** What a text says that claims to be a token. */
export type ReadToken =
  | { readonly kind: 'genuine'; readonly tokenId: string; readonly resourceId: string }
  | { readonly kind: 'not-genuine' }

/** What is to be voided for a target, or why nothing is. */
export type Aim =
  | { readonly kind: 'identity'; readonly identityId: string }
  | { readonly kind: 'issued-before'; readonly identityId: string; readonly beforeMs: number }
  | { readonly kind: 'token'; readonly tokenId: string }
  | { readonly kind: 'nothing'; readonly status: 'unknown' | 'invalid' }

const unknown: Aim = { kind: 'nothing', status: 'unknown' }
const invalid: Aim = { kind: 'nothing', status: 'invalid' }

/**
 * Decides what is to be voided for a target.
 *
 * @param resourceId - the caller's.
 * @param readToken - decides whether a text is a genuine token.
 */
export function aimOf(
  target: AskedTarget,
  resourceId: string,
  readToken: (text: string) => ReadToken,
): Aim {
  const { identity, issuedBefore, jti, token } = target
  const given = [identity, jti, token].filter((one) => one !== undefined && one !== null)
  if (given.length !== 1) return invalid
  const isBefore = typeof issuedBefore === 'string'
  if (typeof identity === 'string') {
    const name = parseIdentityName(identity)
    const beforeMs = isBefore ? parseInstant(issuedBefore) : undefined
    if (name === undefined || (isBefore && beforeMs === undefined)) return invalid
    if (name.resourceId !== resourceId) return unknown
    const { identityId } = name
    return beforeMs === undefined
      ? { kind: 'identity', identityId }
      : { kind: 'issued-before', identityId, beforeMs }
  }
  if (isBefore) return invalid
  if (typeof jti === 'string') return isGuid(jti) ? { kind: 'token', tokenId: jti } : invalid
  const read = readToken(token ?? '')
  if (read.kind === 'not-genuine') return invalid
  return read.resourceId === resourceId ? { kind: 'token', tokenId: read.tokenId } : unknown
}

const instantPattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})$/

/** An instant of RFC 3339, with its offset: without one it is another in every place. */
function parseInstant(text: string): number | undefined {
  const atMs = instantPattern.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? undefined : atMs
}
