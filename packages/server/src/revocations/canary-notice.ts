/**
 * What the node that sends a canary tells the others. Not the token, which never stands in a
 * database: what a node needs to sign the same claims itself.
 */
export type CanaryNotice =
  | ({ readonly kind: 'live' } & CanaryFacts)
  | { readonly kind: 'void'; readonly tokenId: string }

/** What tells one canary from another. */
export interface CanaryFacts {
  readonly tokenId: string
  readonly identityId: string
  readonly generation: number
  readonly issuedAtSeconds: number
  readonly expiresAtSeconds: number
}

/** Prints a notice: `canary:live:jti:identity:generation:iat:exp` or `canary:void:jti`. */
export function printCanaryNotice(notice: CanaryNotice): string {
  if (notice.kind === 'void') return `canary:void:${notice.tokenId}`
  const { tokenId, identityId, generation, issuedAtSeconds, expiresAtSeconds } = notice
  const numbers = `${generation}:${issuedAtSeconds}:${expiresAtSeconds}`
  return `canary:live:${tokenId}:${identityId}:${numbers}`
}

const livePattern = /^canary:live:([0-9a-f-]{36}):([0-9a-f-]{36}):(\d+):(\d+):(\d+)$/
const voidPattern = /^canary:void:([0-9a-f-]{36})$/

/** Reads a notice; `undefined` for what is none. */
export function parseCanaryNotice(text: string): CanaryNotice | undefined {
  const [, voided] = voidPattern.exec(text) ?? []
  if (voided !== undefined) return { kind: 'void', tokenId: voided }
  const [, tokenId, identityId, ...numbers] = livePattern.exec(text) ?? []
  if (tokenId === undefined || identityId === undefined) return undefined
  const [generation = 0, issuedAtSeconds = 0, expiresAtSeconds = 0] = numbers.map(Number)
  return { kind: 'live', tokenId, identityId, generation, issuedAtSeconds, expiresAtSeconds }
}
