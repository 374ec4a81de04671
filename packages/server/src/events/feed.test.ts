import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFeed } from './feed.ts'
import type { LogEvent } from './model.ts'
import { createTail } from './tail.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')

function eventOf(seq: number): LogEvent {
  return { kind: 'resource-changed', resourceId: 'r', seq }
}

/** A feed whose nodes confirm when the test says so. */
function feedOf() {
  const tail = createTail({
    startSeq: 0,
    readPage: async () => ({ events: [], seqLast: 0, hasMore: false }),
    onFailure: (error) => assert.fail(String(error)),
  })
  const asked: { readonly seq: number; readonly settle: () => void }[] = []
  const confirm = (seq: number) =>
    new Promise<void>((resolve) => asked.push({ seq, settle: resolve }))
  return { feed: createFeed({ tail, confirm, now: () => nowMs }), asked }
}

describe('the feed', () => {
  test('has told every follower of every event, in order, when it asks for confirmation', () => {
    const { feed, asked } = feedOf()
    const [first, second]: [number[], number[]] = [[], []]
    for (const seen of [first, second]) {
      feed.follow({
        apply: ({ seq }) => {
          seen.push(seq)
          return undefined
        },
      })
    }
    void feed.publish([eventOf(2), eventOf(1)])
    void feed.publish([eventOf(3)])
    const all = [1, 2, 3]
    assert.deepEqual([first, second], [all, all])
    assert.deepEqual(
      asked.map(({ seq }) => seq),
      [2, 3],
    )
  })

  test('says when the last of the events was confirmed', async () => {
    const { feed, asked } = feedOf()
    const published = feed.publish([eventOf(1), eventOf(2)])
    assert.equal(await Promise.race([published, 'waits']), 'waits')
    asked[0]?.settle()
    assert.deepEqual(await published, { seq: 2, confirmedAtMs: nowMs })
  })

  test('has nothing to wait for where nothing was published', async () => {
    const { feed, asked } = feedOf()
    assert.deepEqual(await feed.publish([]), { seq: 0, confirmedAtMs: nowMs })
    assert.deepEqual(asked, [])
  })
})
