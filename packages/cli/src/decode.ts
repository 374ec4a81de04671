import { fail, ok, type Result } from '@parley/protocol'
import type { CliFault } from './faults.ts'

/** A token taken apart, nothing of it checked. */
export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/** Reads header and payload of a JWT in its compact form. */
export function decodeToken(text: string): Result<DecodedToken, CliFault> {
  const parts = text.split('.')
  const [header, claims] = parts.slice(0, 2).map(readPart)
  if (parts.length === 3 && header !== undefined && claims !== undefined) {
    return ok({ header, claims })
  }
  const found = parts.length === 3 ? 'parts that cannot be read' : `${parts.length} parts`
  return fail({
    kind: 'refused',
    message: `this is no token: ${found}`,
    hint: 'A token has three parts joined by dots and begins with eyJ.',
  })
}

function readPart(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
