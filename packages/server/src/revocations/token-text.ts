import { checkClaims } from '@parley/protocol'
import type { SyncVerifier } from '@parley/verifier/node'
import type { ReadToken } from './model.ts'

/**
 * Reads a token that is to be denied: which one it is, if it is genuine.
 *
 * One that is void already is read as well: its cut-off may be that of a call which was never
 * answered, so it is denied by this one, and confirmed by it. Whether one has expired the ledger
 * is asked, with room for the clocks of other nodes.
 */
export function readTokenText(verifier: SyncVerifier, text: string): ReadToken {
  const verdict = verifier.verify(text)
  if (verdict.ok) {
    const { claims, resourceId } = verdict
    return { kind: 'genuine', tokenId: claims.jti, resourceId }
  }
  switch (verdict.reason) {
    case 'expired':
    case 'void':
    case 'not-yet-valid':
      // These verdicts come after the signature and the form were found good.
      return readClaims(text)
    default:
      return { kind: 'not-genuine' }
  }
}

function readClaims(genuineToken: string): ReadToken {
  const [, payload = ''] = genuineToken.split('.')
  const checked = checkClaims(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
  if (checked === undefined) throw new Error('a verdict came before the claims were checked')
  return { kind: 'genuine', tokenId: checked.claims.jti, resourceId: checked.resourceId }
}
