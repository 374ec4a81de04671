/**
 * Sessions that the browser keeps and cannot write: who somebody is and until when, signed. The
 * server keeps nothing; whoever is not in the database any more has no session either.
 */
import { timingSafeEqual } from 'node:crypto'

/** Whose session it is. */
export type Sessioned =
  | { readonly kind: 'account'; readonly account: string }
  /** A visitor: the identity of his visit, and the name that he gave himself. */
  | { readonly kind: 'visitor'; readonly identity: string; readonly name: string }

const sessionMs = 12 * 3_600_000

/** Prints a session that lasts for half a day. */
export function printSession(
  who: Sessioned,
  { sign, nowMs }: { readonly sign: (text: string) => string; readonly nowMs: number },
): string {
  const text = JSON.stringify({ who, untilMs: nowMs + sessionMs })
  const payload = Buffer.from(text).toString('base64url')
  return `${payload}.${sign(payload)}`
}

/** Reads a session; `undefined` for one that is over, or that somebody else has written. */
export function readSession(
  session: string | undefined,
  { sign, nowMs }: { readonly sign: (text: string) => string; readonly nowMs: number },
): Sessioned | undefined {
  const [payload = '', signature = ''] = (session ?? '').split('.')
  const [given, wanted] = [Buffer.from(signature), Buffer.from(sign(payload))]
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
  const { who, untilMs } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  return untilMs > nowMs ? who : undefined
}
