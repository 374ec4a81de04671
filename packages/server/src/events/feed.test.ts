import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RevocationEvent } from '@parley/protocol'
import { createFeed } from './feed.ts'

function eventOf(seq: number): RevocationEvent {
  return {
    kind: 'identity',
    resourceId: 'r',
    subject: `i${seq}`,
    generation: 2,
    seq,
    forgetAtMs: 0,
  }
}

describe('the feed', () => {
  test('has told every follower of every event, in order, when publishing returns', () => {
    const feed = createFeed()
    const [first, second]: [number[], number[]] = [[], []]
    feed.follow(({ seq }) => first.push(seq))
    feed.follow(({ seq }) => second.push(seq))
    feed.publish([eventOf(1), eventOf(2)])
    feed.publish([])
    feed.publish([eventOf(3)])
    assert.deepEqual(
      [first, second],
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
    )
  })

  test('tells a follower what is published after it came, as it was published', () => {
    const feed = createFeed()
    const seen: RevocationEvent[] = []
    feed.publish([eventOf(1)])
    feed.follow((event) => seen.push(event))
    feed.publish([eventOf(2)])
    assert.deepEqual(seen, [eventOf(2)])
  })

  test('may have nobody who listens', () => {
    assert.doesNotThrow(() => createFeed().publish([eventOf(1)]))
  })
})
