/**
 * Following the audit log of a running server from outside, page by page, with nothing but its API:
 * whoever doubts the operator runs this on a machine of their own.
 */
import { fail, ok, type Result } from '@parley/protocol'
import { type AuditEntry, type ChainBreak, findChainBreak, firstPreviousHash } from './model.ts'

/** A place in the chain, as somebody noted it. */
export interface ChainHead {
  /** 0: before the first entry. */
  readonly seq: number
  /** 32 bytes in hexadecimal. */
  readonly hash: string
}

/** Where the log differs from what it must be. */
export type AuditLogBroken =
  | ({ readonly kind: 'chain-broken' } & ChainBreak)
  /** The chain is whole, and another one than was noted. */
  | { readonly kind: 'head-differs'; readonly seq: number }
  /** The chain is whole and ends before the head that was noted: `seq` is what is missing first. */
  | { readonly kind: 'end-cut-off'; readonly seq: number }

/** What a server answered is no page of an audit log. */
export interface PageMalformed {
  readonly kind: 'page-malformed'
}

/** A page of the audit log. */
interface AuditPage {
  readonly entries: readonly AuditEntry[]
  readonly nextUrl: string | undefined
}

/**
 * Follows the chain from its beginning to its end.
 *
 * @param log.readPage - gets the JSON that stands at a URL; what it throws ends the verification.
 * @param log.expected - a head noted earlier: without one a log whose end was cut off looks whole.
 * @faults the first place at which the log is not what it must be; `page-malformed`.
 */
export async function verifyAuditLog(log: {
  readonly url: string
  readonly readPage: (url: string) => Promise<unknown>
  readonly expected: ChainHead | undefined
}): Promise<Result<ChainHead, AuditLogBroken | PageMalformed>> {
  const { expected } = log
  let head: ChainHead = { seq: 0, hash: firstPreviousHash }
  let url: string | undefined = log.url
  while (url !== undefined) {
    const page = parseAuditPage(await log.readPage(url), url)
    if (page === undefined) return fail({ kind: 'page-malformed' })
    const chainBreak = findChainBreak(page.entries, head)
    if (chainBreak !== undefined) return fail({ kind: 'chain-broken', ...chainBreak })
    const noted = [head, ...page.entries].find((entry) => entry.seq === expected?.seq)
    if (noted !== undefined && noted.hash !== expected?.hash) {
      return fail({ kind: 'head-differs', seq: noted.seq })
    }
    head = page.entries.at(-1) ?? head
    url = page.nextUrl
  }
  if (expected !== undefined && head.seq < expected.seq) {
    return fail({ kind: 'end-cut-off', seq: head.seq + 1 })
  }
  return ok({ seq: head.seq, hash: head.hash })
}

/**
 * Reads a head as the command prints it, `<seq>:<hash>`.
 *
 * @returns `undefined` for any other text.
 */
export function parseChainHead(text: string): ChainHead | undefined {
  const [, seq, hash] = /^([0-9]{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash }
}

/** A page that leads to another server would take the administrator's token there. */
function parseAuditPage(page: unknown, url: string): AuditPage | undefined {
  if (!isRecord(page) || !Array.isArray(page['value'])) return undefined
  const entries: AuditEntry[] = []
  for (const one of page['value']) {
    const entry = parseEntry(one)
    if (entry === undefined) return undefined
    entries.push(entry)
  }
  const nextUrl = page['nextLink']
  if (nextUrl === undefined) return { entries, nextUrl }
  if (typeof nextUrl !== 'string' || !URL.canParse(nextUrl) || entries.length === 0) {
    return undefined
  }
  return new URL(nextUrl).origin === new URL(url).origin ? { entries, nextUrl } : undefined
}

function parseEntry(entry: unknown): AuditEntry | undefined {
  if (!isRecord(entry)) return undefined
  const { seq, at, resourceId, ...texts } = entry
  const { actor, operation, target, requestId, previousHash, hash } = texts
  const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || Number.isNaN(atMs)) return undefined
  if (typeof actor !== 'string' || typeof operation !== 'string') return undefined
  if (typeof target !== 'string' || typeof requestId !== 'string') return undefined
  if (typeof previousHash !== 'string' || typeof hash !== 'string') return undefined
  if (resourceId !== undefined && typeof resourceId !== 'string') return undefined
  const act = { actor, operation, target, resourceId, requestId, atMs }
  return { ...act, seq, previousHash, hash }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
