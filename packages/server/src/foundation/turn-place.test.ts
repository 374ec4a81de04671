import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseCommandLines, parseTurnRealm, parseTurnUrls } from './turn-place.ts'

describe('the addresses of relays', () => {
  const lists = [
    ['turn:relay.example', true],
    ['turn:relay.example:3478?transport=udp, turns:relay.example:443?transport=tcp', true],
    ['turn:[2001:db8::1]:3478,stun:relay.example:3478', true],
    ['stun:relay.example', false],
    ['turn:relay.example:3478?transport=sctp', false],
    ['stun:relay.example?transport=udp,turn:relay.example', false],
    ['turn://relay.example', false],
    ['https://relay.example', false],
    ['turn:relay.example,', false],
  ] as const
  for (const [text, isTaken] of lists) {
    test(`${isTaken ? 'take' : 'refuse'} ${text}`, () => {
      assert.equal(parseTurnUrls(text).ok, isTaken)
    })
  }

  test('have a realm without colons or quotes', () => {
    assert.ok(parseTurnRealm('parley.example').ok)
    for (const text of ['', 'a:b', 'a b', '"', 'r'.repeat(128)]) {
      assert.equal(parseTurnRealm(text).ok, false, text)
    }
  })

  test('have command lines with a port each', () => {
    assert.deepEqual(parseCommandLines('127.0.0.1:5766, [::1]:5767'), {
      ok: true,
      value: [
        { host: '127.0.0.1', port: 5766 },
        { host: '::1', port: 5767 },
      ],
    })
    for (const text of ['127.0.0.1', '127.0.0.1:', ':5766', '127.0.0.1:70000', 'a:1,']) {
      assert.equal(parseCommandLines(text).ok, false, text)
    }
  })
})
