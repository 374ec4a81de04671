import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseClientFrame } from './frames.ts'

const callId = '00000000-0000-4000-8000-00000000000c'

describe('a frame of a client', () => {
  for (const frame of [
    { type: 'ping' },
    { id: 1, type: 'auth', token: 't' },
    { id: 'a', type: 'call.start', to: ['8:acs:x'], media: 'audio' },
    { type: 'signal', callId, to: callId, candidate: null },
    { type: 'signal', callId, sdp: { type: 'offer', sdp: '' } },
    { type: 'dtmf', callId, digits: '0123456789*#ABCD' },
  ]) {
    test(`is understood: ${JSON.stringify(frame)}`, () => {
      assert.deepEqual(parseClientFrame(JSON.stringify(frame)), { ok: true, value: frame })
    })
  }

  for (const [frame, detail] of [
    ['', 'JSON'],
    ['[]', 'JSON'],
    ['null', 'JSON'],
    ['{}', 'type'],
    ['{"type":"constructor"}', 'type'],
    ['{"type":"ping","more":1}', 'more'],
    ['{"type":"call.accept","callId":"x"}', 'callId'],
    ['{"type":"call.accept"}', 'callId'],
    [JSON.stringify({ type: 'signal', callId, to: callId }), 'sdp'],
    [JSON.stringify({ type: 'dtmf', callId, digits: 'E' }), 'digits'],
    [JSON.stringify({ type: 'mute', callId, isMuted: 1 }), 'isMuted'],
  ] as const) {
    test(`is refused: ${frame}`, () => {
      const parsed = parseClientFrame(frame)
      assert.equal(!parsed.ok && parsed.fault.detail, detail)
    })
  }
})
