/**
 * The bearers of the issuers that the configuration trusts.
 *
 * The order is that of the costs: what a bearer says of itself is judged first, its issuer is
 * asked for keys only after that, and its signature is verified last. Nothing of it is believed
 * before. A good signature is remembered by the hash of the whole token, since a client sends the
 * same one for an hour: time, audience, tenant and roles are judged anew each time, and the key
 * must still be published.
 *
 * CPU in the authenticator, on a machine that verifies RS256 in 40 us: 7 us for an access key, 12
 * for a bearer that was seen before, 65 for a new one (ES256: 97) and for a forged one, 16 for one
 * whose key the issuer does not have.
 */
import { createHash } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import type { RefusalReason } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { OpenLog } from '../foundation/log.ts'
import { createRecentlyUsed } from '../foundation/recently-used.ts'
import type { TrustedIssuer } from '../foundation/trusted-issuer.ts'
import type { BearerPrincipal, CheckBearer } from './bearer.ts'
import { judgeClaims } from './bearer-claims.ts'
import { type BearerForm, parseBearer } from './bearer-form.ts'
import { type IssuerKey, isSignedWith } from './bearer-signature.ts'
import { type Fetch, fetchIssuerKeys } from './issuer-documents.ts'
import { createIssuerKeys, type IssuerKeys } from './issuer-keys.ts'

/** What bearers are checked with. */
export interface TrustedIssuersWorld {
  readonly trustedIssuers: readonly TrustedIssuer[]
  readonly fetch: Fetch
  readonly now: () => number
  readonly log: OpenLog['log']
}

/** An issuer, what it is trusted for, and its keys. */
interface KnownIssuer {
  readonly entries: readonly TrustedIssuer[]
  readonly keys: IssuerKeys
}

/** A bearer whose signature was good under this key. */
interface VerifiedBearer extends BearerForm {
  readonly key: IssuerKey
}

/** Creates the check of bearers. Without trusted issuers it refuses all. */
export function createBearerCheck(world: TrustedIssuersWorld): CheckBearer {
  const issuers = knownIssuers(world)
  /** By the hash of the token. */
  const verified = createRecentlyUsed<VerifiedBearer>(serverLimits.bearersRememberedMax)
  return async (token, nowMs) => {
    const digest = createHash('sha256').update(token).digest('base64')
    const seen = verified.find(digest)
    if (seen !== undefined) {
      const known = await know(seen, issuers, nowMs)
      if (!known.ok) return known
      if (known.value.key === seen.key) return ok(known.value.principal)
    }
    const parsed = parseBearer(token)
    if (!parsed.ok) return parsed
    const known = await know(parsed.value, issuers, nowMs)
    if (!known.ok) return known
    const { principal, key } = known.value
    if (!isSignedWith(key, parsed.value)) return fail('bearer-signature-differs')
    const { alg, kid, claims, issuer } = parsed.value
    verified.put(digest, { alg, kid, claims, issuer, key })
    return ok(principal)
  }
}

/** Whose a bearer is if its signature is one with the key. */
async function know(
  bearer: BearerForm,
  issuers: ReadonlyMap<string, KnownIssuer>,
  nowMs: number,
): Promise<Result<{ principal: BearerPrincipal; key: IssuerKey }, RefusalReason>> {
  const issuer = issuers.get(bearer.issuer)
  if (issuer === undefined) return fail('bearer-issuer-unknown')
  const judged = judgeClaims(bearer.claims, issuer.entries, nowMs)
  if (!judged.ok) return judged
  const found = await issuer.keys.find(bearer, nowMs)
  if (!found.ok) return fail('bearer-issuer-unreachable')
  const key = found.value
  return key === undefined ? fail('bearer-signature-differs') : ok({ principal: judged.value, key })
}

function knownIssuers(world: TrustedIssuersWorld): ReadonlyMap<string, KnownIssuer> {
  const { trustedIssuers, fetch, now, log } = world
  const names = new Set(trustedIssuers.map(({ issuer }) => issuer))
  return new Map(
    [...names].map((name) => {
      const keys = createIssuerKeys({
        fetchKeys: () => fetchIssuerKeys(fetch, name),
        now,
        onFault: ({ kind, document, cause }) =>
          log.warn({ issuer: name, fault: kind, document, cause }, 'an issuer gave no keys'),
      })
      return [name, { entries: trustedIssuers.filter(({ issuer }) => issuer === name), keys }]
    }),
  )
}
