import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSealer, tokenNameOf } from './seal.ts'

const secret = (byte: number) => new Uint8Array(32).fill(byte)
const request = { identity: '8:acs:r_i', scopes: ['chat'], lifetimeMinutes: 60 } as const
const token = { token: 'header.payload.signature', expiresAtMs: 2, refreshAtMs: 1 }
let count = 0
const nonces = (bytes: number) => {
  count += 1
  return new Uint8Array(bytes).fill(count)
}
const sealer = createSealer([{ id: 'a', secret: secret(1) }], nonces)

describe('a sealed token', () => {
  const { sealed } = sealer.seal(request, token)

  test('opens for its own request, scopes in any order', () => {
    assert.deepEqual(sealer.open(request, sealed), token)
    const both = { ...request, scopes: ['chat', 'voip'] } as const
    const turned = { ...request, scopes: ['voip', 'chat'] } as const
    assert.deepEqual(sealer.open(turned, sealer.seal(both, token).sealed), token)
  })

  test('opens for no other identity, scope or lifetime', () => {
    const others = [
      { ...request, identity: '8:acs:r_j' },
      { ...request, scopes: ['chat', 'voip'] },
      { ...request, lifetimeMinutes: 1440 },
    ] as const
    for (const other of others) assert.equal(sealer.open(other, sealed), undefined)
  })

  test('opens under no other secret, and not under another id of the same', () => {
    for (const [id, byte] of [
      ['a', 2],
      ['b', 1],
    ] as const) {
      const other = createSealer([{ id, secret: secret(byte) }])
      assert.equal(other.open(request, sealed), undefined)
      assert.equal(other.open(request, sealed.replace('v1.a.', 'v1.b.')), undefined)
    }
  })

  test('does not open with any one character changed or missing', () => {
    for (let at = 0; at < sealed.length; at += 1) {
      const flipped = sealed[at] === 'A' ? 'B' : 'A'
      // The last character of base64url may hold bits that mean nothing; the bytes decide.
      const changed = `${sealed.slice(0, at)}${flipped}${sealed.slice(at + 1)}`
      if (
        Buffer.from(changed.slice(5), 'base64url').equals(Buffer.from(sealed.slice(5), 'base64url'))
      ) {
        continue
      }
      assert.equal(sealer.open(request, changed), undefined, String(at))
      assert.equal(sealer.open(request, sealed.slice(0, at)), undefined, String(at))
    }
  })

  test('is never sealed the same way twice', () => {
    assert.notEqual(sealer.seal(request, token).sealed, sealed)
  })
})

describe('the secrets of a cache', () => {
  const good = { id: 'a', secret: secret(1) }
  const bad = {
    'that are none': [],
    'of 31 bytes': [{ id: 'a', secret: new Uint8Array(31) }],
    'with one id twice': [good, { id: 'a', secret: secret(2) }],
    'with a dot in the id': [{ id: 'a.b', secret: secret(1) }],
    'that are nine': Array.from({ length: 9 }, (_, index) => ({ ...good, id: `${index}` })),
  }
  for (const [what, secrets] of Object.entries(bad)) {
    test(`are refused ${what}`, () => {
      assert.throws(() => createSealer(secrets), TypeError)
    })
  }
})

describe('the name of a token', () => {
  const encode = (claims: unknown) => Buffer.from(JSON.stringify(claims)).toString('base64url')
  const cases = [
    [`h.${encode({ jti: 'one' })}.s`, 'one'],
    [`h.${encode({ jti: 1 })}.s`, undefined],
    [`h.${encode({})}.s`, undefined],
    [`h.${encode(null)}.s`, undefined],
    ['h.%%%.s', undefined],
    ['opaque', undefined],
  ] as const
  for (const [text, name] of cases) {
    test(`is ${name === undefined ? 'its text' : 'its jti'}: ${text}`, () => {
      assert.equal(tokenNameOf(text), name ?? text)
    })
  }
})
