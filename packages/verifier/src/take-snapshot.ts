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

/** Bytes of one page: a server's has 1.4 MB. */
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
    const text = await readWhole(answer)
    if (signal.aborted) return { kind: 'silent' }
    const page = text === undefined ? undefined : parseSnapshotPage(text)
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

function applyPage(snapshot: CutOffSnapshot, page: SnapshotPage): void {
  const { resourceId } = page
  snapshot.applyPacked({ kind: 'identity', resourceId }, page.identities)
  snapshot.applyPacked({ kind: 'token', resourceId }, page.tokens)
  snapshot.applyPacked({ kind: 'identity-scope', resourceId }, page.identityScopes)
  for (const other of page.others) snapshot.apply({ ...other, resourceId })
}

/** The text of a page, `undefined` for one that is longer than any server's or no UTF-8. */
async function readWhole(answer: FollowAnswer): Promise<string | undefined> {
  const decoder = new TextDecoder()
  const reader = answer.body?.getReader()
  const parts: string[] = []
  for (let bytes = 0; ; ) {
    const chunk = await reader?.read()
    if (chunk?.value === undefined || chunk.done) return parts.join('')
    bytes += chunk.value.length
    if (bytes > pageBytesMax) {
      await reader?.cancel()
      return undefined
    }
    parts.push(decoder.decode(chunk.value, { stream: true }))
  }
}
