import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAnswer, parseFrame, parsePayload, printPayload } from './frames.ts'

const mark = '\ufffd'

describe('a frame', () => {
  const cases: readonly (readonly [string, ReturnType<typeof parseFrame>])[] = [
    ['0::', { kind: 'disconnect' }],
    ['0', undefined],
    ['2::', { kind: 'heartbeat' }],
    ['1::', { kind: 'other' }],
    ['3:::{"id":1}', { kind: 'message', text: '{"id":1}' }],
    ['3:::a:b:c\nd', { kind: 'message', text: 'a:b:c\nd' }],
    ['5:1+::{"name":"ping"}', { kind: 'event', ackId: '1' }],
    ['5:1::{"name":"ping"}', { kind: 'event', ackId: undefined }],
    ['5:::{"name":"ping"}', { kind: 'event', ackId: undefined }],
    ['5:x+::{}', undefined],
    ['9::', undefined],
    ['', undefined],
    [':', undefined],
  ]
  for (const [text, expected] of cases) {
    test(`is read: ${JSON.stringify(text)}`, () => assert.deepEqual(parseFrame(text), expected))
  }
})

describe('an answer', () => {
  const cases = [
    ['{"id":7,"status":200}', 7],
    ['{"id":"7"}', undefined],
    ['{"id":1.5}', undefined],
    ['null', undefined],
    ['7', undefined],
    ['{', undefined],
  ] as const
  for (const [text, expected] of cases) {
    test(`${text} is that to ${expected}`, () => assert.equal(parseAnswer(text), expected))
  }
})

describe('the body of a long poll', () => {
  const bodies: readonly (readonly string[])[] = [['1::'], ['1::', '5:::{"ü":1}'], ['a', mark, 'b']]
  for (const frames of bodies) {
    test(`has ${frames.length} frames`, () => {
      assert.deepEqual(parsePayload(printPayload(frames)), frames)
    })
  }

  test('without frames says so', () => assert.equal(printPayload([]), '8::'))

  for (const body of [mark, `${mark}3${mark}1:`, `${mark}x${mark}1::`, `${mark}1${mark}aa`]) {
    test(`is none: ${JSON.stringify(body)}`, () => assert.equal(parsePayload(body), undefined))
  }
})
