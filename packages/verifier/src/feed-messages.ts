/**
 * What a server's feed of revocations says, read from its JSON. A server is believed, since its
 * keys are; what makes no sense is still told apart from what does, so that it ends in `stale`.
 */
import { type CutOff, isCutOff } from '@parley/protocol'
import { bytesOfBase64url } from './base64url.ts'
import type { Jwks } from './keys.ts'

/** The first message: the key set, and the server's own clock. */
export interface Opening {
  readonly atMs: number
  readonly keys: Jwks['keys']
}

/** Says how far the follower has heard everything, and when that was true. */
export interface Heartbeat {
  readonly seq: number
  /** The server's own clock, milliseconds from an origin of its own. */
  readonly atMs: number
}

/** A cut-off, and after which number nothing else came. */
export interface FedCutOff extends CutOff {
  readonly seq: number
  readonly after: number
}

/** A page of the snapshot. */
export interface SnapshotPage {
  readonly seq: number
  readonly resourceId: string
  /** As `CutOffSnapshot.applyPacked` takes them. */
  readonly identities: Uint8Array
  readonly tokens: Uint8Array
  readonly identityScopes: Uint8Array
  readonly others: readonly Omit<CutOff, 'resourceId'>[]
  /** Where the next page begins; `undefined` after the last. */
  readonly nextAfter: number | undefined
}

/** The object of a JSON text, `undefined` for any other. */
function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

/** Reads the first message. */
export function parseOpening(text: string): Opening | undefined {
  const { atMs, keys } = objectOf(text) ?? {}
  return Number.isFinite(atMs) && Array.isArray(keys) ? { atMs: Number(atMs), keys } : undefined
}

/** Reads a heartbeat. */
export function parseHeartbeat(text: string): Heartbeat | undefined {
  const { seq, atMs } = objectOf(text) ?? {}
  return isCount(seq) && Number.isFinite(atMs) ? { seq, atMs: Number(atMs) } : undefined
}

/** Reads a cut-off of the stream. */
export function parseFedCutOff(text: string): FedCutOff | undefined {
  const event = objectOf(text) as FedCutOff | undefined
  if (event === undefined || !isCount(event.seq) || !isCount(event.after)) return undefined
  return isCutOff(event) ? event : undefined
}

/**
 * Reads a page of the snapshot. One with a member that is not known is not understood: it may hold
 * cut-offs of a kind that only later followers know.
 */
export function parseSnapshotPage(text: string): SnapshotPage | undefined {
  const { seq, resourceId, nextAfter, others, ...rest } = objectOf(text) ?? {}
  if (!isCount(seq) || typeof resourceId !== 'string' || !Array.isArray(others)) return undefined
  if (nextAfter !== undefined && !isCount(nextAfter)) return undefined
  const { identities, tokens, identityScopes = '', ...unknown } = rest
  if (Object.keys(unknown).length > 0) return undefined
  const packed = {
    identities: bytesIn(identities),
    tokens: bytesIn(tokens),
    identityScopes: bytesIn(identityScopes),
  }
  if (packed.identities === undefined || packed.tokens === undefined) return undefined
  if (packed.identityScopes === undefined) return undefined
  return { seq, resourceId, others, nextAfter, ...(packed as PackedMembers) }
}

type PackedMembers = Pick<SnapshotPage, 'identities' | 'tokens' | 'identityScopes'>

function bytesIn(field: unknown): Uint8Array | undefined {
  return typeof field === 'string' ? bytesOfBase64url(field) : undefined
}
