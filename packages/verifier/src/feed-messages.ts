/**
 * What a server's feed of revocations says, read from its JSON. A server is believed, since its
 * keys are; what makes no sense is still told apart from what does, so that it ends in `stale`.
 */
import { type CutOff, isCutOff } from '@parley/protocol'
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

/** A heartbeat that came over a carrier, for one resource. */
export interface CarriedHeartbeat extends Heartbeat {
  /** Which server's clock `atMs` is of. */
  readonly node: string
  /** Which log `seq` is a number of: another one stands for other events. */
  readonly log: string
  /** Between this number and `seq` there is nothing of the resource. */
  readonly after: number
}

/** A server's answer to a call: which one it was, and what its clock showed. */
export interface CallAnswer {
  readonly call: string
  readonly node: string
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
  /** About how many of each kind all pages have; only the first of several says so. */
  readonly expected: Readonly<Record<string, unknown>>
}

/** The object of a JSON text, `undefined` for any other. */
function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
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
  return event !== undefined && isFedCutOff(event) ? event : undefined
}

function isFedCutOff(event: FedCutOff): boolean {
  return isCount(event.seq) && isCount(event.after) && isCutOff(event)
}

/** Reads the cut-offs of a carrier's message: all of them, or none. */
export function parseFedCutOffs(text: string): readonly FedCutOff[] | undefined {
  const { cutOffs } = objectOf(text) ?? {}
  if (!Array.isArray(cutOffs)) return undefined
  const events = cutOffs as readonly (FedCutOff | null)[]
  return events.every((event) => typeof event === 'object' && event !== null && isFedCutOff(event))
    ? (events as readonly FedCutOff[])
    : undefined
}

/** Reads a heartbeat of a carrier. */
export function parseCarriedHeartbeat(text: string): CarriedHeartbeat | undefined {
  const { node, log, seq, after, atMs } = objectOf(text) ?? {}
  if (typeof node !== 'string' || typeof log !== 'string') return undefined
  if (!isCount(seq) || !isCount(after) || !Number.isFinite(atMs)) return undefined
  return { node, log, seq, after, atMs: Number(atMs) }
}

/** Reads an answer to a call. */
export function parseCall(text: string): CallAnswer | undefined {
  const { call, node, atMs } = objectOf(text) ?? {}
  const isWhole = typeof call === 'string' && typeof node === 'string' && Number.isFinite(atMs)
  return isWhole ? { call, node, atMs: Number(atMs) } : undefined
}

/**
 * Reads a page of the snapshot: four bytes with the length of the head, the head in JSON, and the
 * records, of which it says how many bytes there are of each kind. One that is longer or shorter
 * than that is not understood, nor is one with a member that is not known: it may hold cut-offs of
 * a kind that only later followers know.
 */
export function parseSnapshotPage(page: Uint8Array): SnapshotPage | undefined {
  if (page.length < lengthBytes) return undefined
  const headEnd = lengthBytes + new DataView(page.buffer, page.byteOffset).getUint32(0)
  if (headEnd > page.length) return undefined
  const text = new TextDecoder().decode(page.subarray(lengthBytes, headEnd))
  const { seq, resourceId, nextAfter, others, expected = {}, ...rest } = objectOf(text) ?? {}
  const { identityBytes, tokenBytes, identityScopeBytes, ...unknown } = rest
  if (Object.keys(unknown).length > 0) return undefined
  if (!isCount(seq) || typeof resourceId !== 'string' || !Array.isArray(others)) return undefined
  if (nextAfter !== undefined && !isCount(nextAfter)) return undefined
  if (!isCount(identityBytes) || !isCount(tokenBytes)) return undefined
  if (!isCount(identityScopeBytes) || typeof expected !== 'object') return undefined
  const tokensAt = headEnd + identityBytes
  const scopesAt = tokensAt + tokenBytes
  if (scopesAt + identityScopeBytes !== page.length) return undefined
  return {
    ...{ seq, resourceId, others, nextAfter, expected: { ...expected } },
    identities: page.subarray(headEnd, tokensAt),
    tokens: page.subarray(tokensAt, scopesAt),
    identityScopes: page.subarray(scopesAt),
  }
}

const lengthBytes = 4
