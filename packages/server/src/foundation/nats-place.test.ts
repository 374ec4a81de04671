import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNatsServers } from './nats-place.ts'

const nobody = { user: undefined, pass: undefined, token: undefined, isTls: false }

describe('addresses of NATS servers', () => {
  const readable = [
    ['nats://n1', { ...nobody, servers: ['n1:4222'] }],
    ['nats://n1:1,nats://[::1]:2/', { ...nobody, servers: ['n1:1', '[::1]:2'] }],
    ['nats://t%40k@n1', { ...nobody, servers: ['n1:4222'], token: 't@k' }],
    ['nats://u:p%3A@n1,nats://n2', { ...nobody, servers: ['n1:4222', 'n2:4222'], ...userPass() }],
    ['tls://n1', { ...nobody, servers: ['n1:4222'], isTls: true }],
  ] as const
  for (const [text, place] of readable) {
    test(`are read from ${text}`, () => {
      assert.deepEqual(parseNatsServers(text), place)
    })
  }

  for (const text of [
    '',
    'n1:4222',
    'http://n1',
    'nats://',
    'nats://n1,',
    'nats://n1/a',
    'nats://n1?a',
  ]) {
    test(`are not read from "${text}"`, () => {
      assert.equal(parseNatsServers(text), undefined)
    })
  }
})

function userPass() {
  return { user: 'u', pass: 'p:' }
}
