import { ok, type Result } from '@parley/protocol'
import type { Jwks, Verdict } from '@parley/verifier'
import { createVerifier } from '@parley/verifier/node'
import type { Ask } from './api.ts'
import { type Act, textOrInput } from './command.ts'
import { decodeToken } from './decode.ts'
import type { CliFault } from './faults.ts'
import { facts } from './output.ts'

/**
 * Explains a token: first offline, with the published keys, as any verifier would see it; then the
 * server is asked, who knows what was revoked. The two together tell "void" from everything else.
 */
export function explainToken(given: string): Act {
  return async ({ world, owner }) => {
    const text = await textOrInput(world, given)
    if (!text.ok) return text
    const decoded = decodeToken(text.value)
    if (!decoded.ok) return decoded
    const ask = owner()
    if (!ask.ok) return ask
    const known = await askServer(ask.value, text.value)
    if (!known.ok) return known
    const { keys, issuer, isActive } = known.value
    const verifier = createVerifier({ keys, issuer, now: world.now })
    const explained = explain(verifier.verify(text.value), { isActive, issuer, nowMs: world.now() })
    const { claims } = decoded.value
    return ok({
      json: { live: isActive, reason: explained.reason, claims },
      text: [
        explained.sentence,
        facts({
          identity: printable(claims['sub']),
          scopes: printable(claims['acsScope']),
          'issued under': printable(claims['akg']) ?? 'a bearer',
          'token id': printable(claims['jti']),
          expires: instant(claims['exp']),
        }),
      ].join('\n'),
      exitCode: isActive ? 0 : 1,
    })
  }
}

interface ServerKnows {
  readonly keys: Jwks
  readonly issuer: string
  readonly isActive: boolean
}

async function askServer(ask: Ask, token: string): Promise<Result<ServerKnows, CliFault>> {
  const [keys, configuration, answer] = await Promise.all([
    ask({ method: 'GET', path: '/.well-known/jwks.json' }),
    ask({ method: 'GET', path: '/.well-known/openid-configuration' }),
    ask({ method: 'POST', path: '/introspect', body: { tokens: [token] } }),
  ])
  if (!keys.ok) return keys
  if (!configuration.ok) return configuration
  if (!answer.ok) return answer
  const { value } = answer.value as { value: readonly [{ active: boolean }] }
  return ok({
    keys: keys.value as Jwks,
    issuer: (configuration.value as { issuer: string }).issuer,
    isActive: value[0].active,
  })
}

/** Says in a sentence what the offline verdict and the server's knowledge mean together. */
export function explain(
  verdict: Verdict,
  known: { readonly isActive: boolean; readonly issuer: string; readonly nowMs: number },
): { readonly reason: string; readonly sentence: string } {
  if (known.isActive) return { reason: 'live', sentence: 'The token is live.' }
  if (verdict.ok) {
    return {
      reason: 'void',
      sentence:
        'The token is genuine and in time, and the server refuses it: it was revoked, the key ' +
        'under which it was issued was regenerated, its identity was deleted, or it is of ' +
        'another resource than the connection string.',
    }
  }
  const { reason } = verdict
  return { reason, sentence: `The token is refused: ${wordsFor(verdict, known)}` }
}

type Refused = Exclude<Verdict, { readonly ok: true }>

function wordsFor(
  refused: Refused,
  { issuer, nowMs }: { readonly issuer: string; readonly nowMs: number },
): string {
  switch (refused.reason) {
    case 'expired': {
      const minutes = Math.max(1, Math.round((nowMs - refused.expiredAtMs) / 60_000))
      return `it expired ${minutes} min ago.`
    }
    case 'not-yet-valid':
      return 'it is from the future; a clock is wrong.'
    case 'unknown-key':
      return 'no published key signed it: another server did, or all keys were replaced.'
    case 'bad-signature':
      return 'its signature is wrong: somebody has changed it, or a part is missing.'
    case 'wrong-issuer':
      return `it is of another issuer than ${issuer}.`
    case 'wrong-audience':
      return 'it is of another resource.'
    case 'algorithm-not-allowed':
    case 'wrong-type':
    case 'header-not-allowed':
      return 'its header is not one of an access token.'
    case 'too-long':
    case 'malformed':
      return 'it has not the form of a token.'
    case 'bad-claims':
      return 'what an access token must say is missing in it.'
    case 'void':
      return `it was voided (${refused.voidedBy}).`
    case 'stale':
      return 'nothing was heard of the server.'
  }
}

function printable(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function instant(seconds: unknown): string | undefined {
  return typeof seconds === 'number' ? new Date(seconds * 1000).toISOString() : undefined
}
