import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createEventStreamReader, type StreamMessage } from './event-stream.ts'

function read(pieces: Iterable<string>) {
  const messages: StreamMessage[] = []
  const reader = createEventStreamReader((message) => messages.push(message))
  let goesOn = true
  for (const piece of pieces) {
    goesOn = reader.push(piece)
    if (!goesOn) break
  }
  return { messages, goesOn }
}

const text =
  'id: 7\nevent: cut-off\ndata: {"a":1}\n\n: a comment\n\nevent: two\r\ndata: b\r\ndata:c\r\n\r\n' +
  'data\n\nevent: nothing\n\nretry: 5\nother: x\ndata: d\n\nevent: unfinished\ndata: e\n'
const messages = [
  { event: 'cut-off', data: '{"a":1}' },
  { event: 'two', data: 'b\nc' },
  { event: '', data: '' },
  { event: '', data: 'd' },
]

describe('an event stream', () => {
  for (const length of [1, 2, 3, 7, text.length]) {
    test(`is read in pieces of ${length}`, () => {
      const pieces = text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? []
      assert.deepEqual(read(pieces), { messages, goesOn: true })
    })
  }

  const longest = 256 * 1024
  const lengths = [
    [longest - 6, true],
    [longest - 5, false],
  ] as const
  for (const [characters, goesOn] of lengths) {
    test(`${goesOn ? 'goes on' : 'is over'} with a message of ${characters} characters`, () => {
      assert.equal(read(['data: ', 'x'.repeat(characters)]).goesOn, goesOn)
      assert.equal(read([`data: ${'x'.repeat(characters)}\n`]).goesOn, goesOn)
    })
  }

  test('is over where a message never ends', () => {
    function* endless() {
      for (;;) yield 'data: x\n'
    }
    assert.equal(read(endless()).goesOn, false)
  })
})
