/**
 * Takes a JWT apart. Nothing that it says is believed or followed here: its header may only name
 * a key and an algorithm, and where keys are (`jku`, `x5u`) or what they are (`jwk`, `x5c`) it may
 * say, and nobody listens.
 *
 * @source RFC 7515 sections 4 and 5.2, RFC 7519 section 7.2, RFC 8725 sections 3.1 and 3.10.
 */
import { fail, ok, type Result } from '@parley/protocol'
import { decodeUtf8, type JsonObject, parseJsonObject } from '@parley/verifier/json'
import { type BearerAlgorithm, isBearerAlgorithm, type Signed } from './bearer-signature.ts'

/** What a bearer says, none of it known to be true. */
export interface BearerForm {
  readonly alg: BearerAlgorithm
  /** `undefined`: the issuer has one key, or the token is refused. */
  readonly kid: string | undefined
  readonly claims: JsonObject
  readonly issuer: string
}

/** A bearer with what its signature is about. */
type SignedBearer = BearerForm & Signed

const compactForm = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/

/**
 * Reads a JWT in its compact form.
 *
 * @faults `bearer-malformed` - not of that form, no claim `iss`, an algorithm with a shared secret
 *   or none, or an extension that must be understood (`crit`).
 */
export function parseBearer(token: string): Result<SignedBearer, 'bearer-malformed'> {
  const [, headerPart, claimsPart, signaturePart] = compactForm.exec(token) ?? []
  if (headerPart === undefined || claimsPart === undefined || signaturePart === undefined) {
    return malformed
  }
  const header = jsonOf(headerPart)
  const claims = jsonOf(claimsPart)
  if (header === undefined || claims === undefined) return malformed
  const { alg, kid, crit } = header
  const { iss: issuer } = claims
  if (!isBearerAlgorithm(alg) || crit !== undefined || typeof issuer !== 'string') return malformed
  if (kid !== undefined && typeof kid !== 'string') return malformed
  return ok({
    alg,
    kid,
    claims,
    issuer,
    signingInput: Buffer.from(`${headerPart}.${claimsPart}`, 'latin1'),
    signature: Buffer.from(signaturePart, 'base64url'),
  })
}

const malformed = fail('bearer-malformed' as const)

function jsonOf(part: string): JsonObject | undefined {
  const text = decodeUtf8(Buffer.from(part, 'base64url'))
  return text === undefined ? undefined : parseJsonObject(text)
}
