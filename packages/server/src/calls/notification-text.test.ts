import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNotices, printFrames, printTaken } from './notification-text.ts'

const resourceId = '00000000-0000-4000-8000-00000000000a'
const deviceId = '00000000-0000-4000-8000-00000000000d'

describe('what nodes tell each other of calls', () => {
  test('is read as it was printed', () => {
    const frames = [1, 2].map((seq) => ({ deviceId, seq, body: `{"n":${seq}}` }))
    const [text = '', ...others] = printFrames(resourceId, frames)
    assert.deepEqual(others, [])
    const notices = frames.map((frame) => ({ kind: 'frame', ...frame }))
    assert.deepEqual(parseNotices(text), { resourceId, notices })
    assert.deepEqual(parseNotices(printTaken(resourceId, deviceId, resourceId))?.notices, [
      { kind: 'taken', deviceId, sessionId: resourceId },
    ])
    assert.deepEqual(parseNotices(`${resourceId}\n*`)?.notices, [{ kind: 'changed' }])
  })

  test('fits in a notification: what is too long is read from its row', () => {
    const frames = [100, 9000, 5000, 5000].map((length, index) => ({
      ...{ deviceId, seq: index, body: `{"x":"${'x'.repeat(length)}"}` },
    }))
    const texts = printFrames(resourceId, frames)
    assert.ok(texts.every((text) => Buffer.byteLength(text) < 8000))
    const kinds = texts.flatMap((text) => parseNotices(text)?.notices.map(({ kind }) => kind))
    assert.deepEqual(kinds, ['frame', 'read', 'frame', 'frame'])
  })

  for (const text of ['', 'x', `${resourceId}\nx`, `${resourceId}\n${deviceId} 1 x`]) {
    test(`is nothing else: ${JSON.stringify(text)}`, () => {
      assert.equal(parseNotices(text), undefined)
    })
  }
})
