import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createKeyRing, type RingKey, rememberHeader, replaceRingKeys } from './key-ring.ts'
import type { VerificationKey } from './keys.ts'

const keyNamed = (kid: string, x = 'x'): VerificationKey => ({
  kid,
  alg: 'ES256',
  jwk: { kty: 'EC', crv: 'P-256', x, y: 'y' },
  signatureBytes: 64,
})

describe('the key ring', () => {
  test('remembers one header for each key, the last one', () => {
    const ring = createKeyRing([keyNamed('a'), keyNamed('b')], ({ kid }) => kid)
    const [a, b] = [ring.byKid.get('a'), ring.byKid.get('b')] as [RingKey<string>, RingKey<string>]
    for (const header of ['one', 'two', 'three', 'three']) rememberHeader(ring, a, header)
    rememberHeader(ring, b, 'four')
    assert.deepEqual(
      [...ring.byHeader],
      [
        ['three', a],
        ['four', b],
      ],
    )
  })

  test('imports only keys that are new, and keeps the headers of those that stay', () => {
    const imported: string[] = []
    const importKey = ({ kid }: VerificationKey) => imported.push(kid)
    const ring = createKeyRing([keyNamed('a'), keyNamed('b')], importKey)
    const a = ring.byKid.get('a') as RingKey<number>
    rememberHeader(ring, a, 'header')
    const stayed = replaceRingKeys(ring, [keyNamed('a'), keyNamed('b', 'other'), keyNamed('c')])
    assert.deepEqual([...stayed], ['a'])
    assert.deepEqual(imported, ['a', 'b', 'b', 'c'])
    assert.equal(ring.byHeader.get('header'), a)
  })

  test('is left whole by a key that cannot be imported', () => {
    const importKey = ({ kid }: VerificationKey) => {
      if (kid === 'broken') throw new TypeError(kid)
      return kid
    }
    const ring = createKeyRing([keyNamed('a')], importKey)
    assert.throws(() => replaceRingKeys(ring, [keyNamed('b'), keyNamed('broken')]), TypeError)
    assert.deepEqual([...ring.byKid.keys()], ['a'])
  })
})
