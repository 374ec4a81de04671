import type { CutOff, Scope } from '@parley/protocol'
import type { Refused } from '@parley/verifier'
import { type Blank, identityId, issuedAtSeconds, press, resourceId } from './press.ts'

/** The part of an `Accepted` that the vectors spell out. */
export interface Acceptance {
  readonly ok: true
  readonly identity: string
  readonly resourceId: string
  readonly scopes: readonly Scope[]
  readonly expiresAtMs: number
}

/** One token and what a verifier must make of it. */
export interface TokenCase {
  /** Ends the sentence "refuses ..." or "accepts ...". */
  readonly what: string
  readonly token: string
  readonly nowMs: number
  readonly audience?: string
  readonly clockToleranceSeconds?: number
  /** Applied before the token is shown. */
  readonly cutOffs?: readonly CutOff[]
  readonly verdict: Acceptance | Refused
}

/** What a case adds to its token: time and options. */
export type Setting = Partial<Pick<TokenCase, 'nowMs' | 'audience' | 'cutOffs'>> &
  Partial<Pick<TokenCase, 'clockToleranceSeconds'>>

/** A minute after the tokens were issued. */
export const nowMs: number = (issuedAtSeconds + 60) * 1000

const acceptance: Acceptance = {
  ok: true,
  identity: `8:acs:${resourceId}_${identityId}`,
  resourceId,
  scopes: ['chat', 'voip'],
  expiresAtMs: (issuedAtSeconds + 86_400) * 1000,
}

/** A token that is accepted; `changes` to what is expected where its claims differ. */
export function accepted(
  what: string,
  token: string,
  changes: Setting & { readonly verdict?: Partial<Acceptance> } = {},
): TokenCase {
  const { verdict, ...setting } = changes
  return { what, token, nowMs, ...setting, verdict: { ...acceptance, ...verdict } }
}

/** A token that is refused, with a verdict that its reason or the whole of it gives. */
export function refused(
  what: string,
  token: string,
  verdict: Exclude<Refused['reason'], 'expired' | 'not-yet-valid' | 'void'> | Refused,
): TokenCase {
  const whole: Refused = typeof verdict === 'string' ? { ok: false, reason: verdict } : verdict
  return { what, token, nowMs, verdict: whole }
}

/** Presses one token for each row and refuses them all for one reason. */
export function allRefused(
  reason: Parameters<typeof refused>[2],
  rows: readonly (readonly [string, Blank | string])[],
): readonly TokenCase[] {
  return rows.map(([what, blank]) =>
    refused(what, typeof blank === 'string' ? blank : press(blank), reason),
  )
}
