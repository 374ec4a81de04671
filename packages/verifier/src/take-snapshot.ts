import { parseSnapshotPage, type SnapshotPage } from './feed-messages.ts'
import type { FollowAnswer } from './follow-fetch.ts'
import {
  answerTimeoutMs,
  ask,
  awaitAnswer,
  type FollowFault,
  isTaken,
  refusalOf,
  type Way,
} from './follow-way.ts'
import type { CutOffSnapshot } from './snapshot.ts'

/** Bytes of one page: a server's has 1.1 MB. */
const pageBytesMax = 8 * 1024 * 1024

/**
 * Reads every cut-off that still voids a token, page by page, if that was not done before.
 *
 * @returns why it could not be done.
 */
export async function takeSnapshot(
  way: Way,
  signal: AbortSignal,
): Promise<FollowFault | undefined> {
  if (way.position !== undefined) return undefined
  const snapshot = way.verifier.beginSnapshot()
  let first: number | undefined
  for (let after: number | undefined = 0; after !== undefined; ) {
    const answer = await ask(way, { path: `snapshot?after=${after}`, signal })
    if (answer.status !== 200) return refusalOf(answer)
    const bytes = await readWhole(answer)
    if (signal.aborted) return { kind: 'silent' }
    const page = bytes === undefined ? undefined : parseSnapshotPage(bytes)
    const isProgress = page?.nextAfter === undefined || page.nextAfter > after
    if (page === undefined || !isProgress || !isTaken(() => applyPage(snapshot, page))) {
      return { kind: 'not-understood' }
    }
    // What comes while pages are read, the stream brings once more.
    first ??= page.seq
    way.resourceId = page.resourceId
    after = page.nextAfter
    awaitAnswer(way, answerTimeoutMs)
  }
  snapshot.finish()
  way.position = first
  way.heardCount = 0
  return undefined
}

const packedKinds = ['identity', 'token', 'identity-scope'] as const

function applyPage(snapshot: CutOffSnapshot, page: SnapshotPage): void {
  const { resourceId, expected } = page
  for (const kind of packedKinds) {
    const count = expected[kind]
    if (typeof count === 'number' && count > 0) snapshot.expect(kind, count)
  }
  snapshot.applyPacked({ kind: 'identity', resourceId }, page.identities)
  snapshot.applyPacked({ kind: 'token', resourceId }, page.tokens)
  snapshot.applyPacked({ kind: 'identity-scope', resourceId }, page.identityScopes)
  for (const other of page.others) snapshot.apply({ ...other, resourceId })
}

/** The bytes of a page, `undefined` for one that is longer than any server's. */
async function readWhole(answer: FollowAnswer): Promise<Uint8Array | undefined> {
  const reader = answer.body?.getReader()
  const pieces: Uint8Array[] = []
  for (let length = 0; ; ) {
    const chunk = await reader?.read()
    if (chunk?.value === undefined || chunk.done) return joined(pieces, length)
    length += chunk.value.length
    if (length > pageBytesMax) {
      await reader?.cancel()
      return undefined
    }
    pieces.push(chunk.value)
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = pieces
  if (only !== undefined && pieces.length === 1) return only
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
