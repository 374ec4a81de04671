/** The tokens and ids of the simulations. */
import type { AccessKeySlot } from '@parley/protocol'
import type { Jwks } from '@parley/verifier'
import { claimsWith, press, resourceId, testKeys } from '../vectors/press.ts'

/** What a token is issued for. */
export interface Grant {
  readonly identityId: string
  /** Generation of the identity. */
  readonly generation: number
  readonly slot: AccessKeySlot
  /** Generation of the access key. */
  readonly keyGeneration: number
  readonly jti: string
}

/** The keys by which servers verify. */
export const keys: Jwks = { keys: [testKeys.ec.published] } as unknown as Jwks

/** The id of that number, of one kind of things. */
export function idFor(kind: 'identity' | 'token', number: number): string {
  const last = (kind === 'identity' ? 0x1000 : 0x2000_0000) + number
  return `0199a6b2-7c00-7000-8000-${last.toString(16).padStart(12, '0')}`
}

const issued = new Map<string, string>()
const issuedMax = 20_000

/** The text of a token. A signature costs as much as a hundred steps, so each is made once. */
export function tokenFor(grant: Grant): string {
  const { identityId, generation, slot, keyGeneration, jti } = grant
  const name = [identityId, generation, slot, keyGeneration, jti].join()
  const known = issued.get(name)
  if (known !== undefined) return known
  if (issued.size >= issuedMax) issued.clear()
  const claims = claimsWith({
    jti,
    gen: generation,
    akg: `${slot}.${keyGeneration}`,
    skypeid: `acs:${resourceId}_${identityId}`,
    sub: `8:acs:${resourceId}_${identityId}`,
  })
  const text = press({ claims })
  issued.set(name, text)
  return text
}
