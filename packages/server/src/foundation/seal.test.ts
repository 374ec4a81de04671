import assert from 'node:assert/strict'
import { createDecipheriv, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { createPlatform } from './platform.ts'
import { createSealer } from './seal.ts'

const platform = createPlatform({ now: () => 0, monotonicNow: () => 0, randomBytes })
const masterKey = Buffer.alloc(32, 7)
const sealer = createSealer(masterKey, platform)
const secret = Buffer.from('sixteen bytes ..')
const purpose = 'access-key/resource/primary/1'

describe('a sealed secret', () => {
  for (const size of [0, 1, 64, 5000]) {
    test(`of ${size} bytes is 29 bytes longer, and opens to what was sealed`, () => {
      const bytes = randomBytes(size)
      const sealed = sealer.seal(bytes, purpose)
      assert.equal(sealed.length, size + 29)
      assert.deepEqual(sealer.open(sealed, purpose), bytes)
    })
  }

  test('is version, nonce, tag and AES-256-GCM with the purpose as additional data', () => {
    const sealed = sealer.seal(secret, purpose)
    assert.equal(sealed[0], 1)
    const decipher = createDecipheriv('aes-256-gcm', masterKey, sealed.subarray(1, 13))
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(13, 29))
    assert.deepEqual(
      Buffer.concat([decipher.update(sealed.subarray(29)), decipher.final()]),
      secret,
    )
  })

  test('looks different each time, by a nonce of 12 bytes from the platform', () => {
    const sizes: number[] = []
    const counting = createSealer(masterKey, {
      ...platform,
      randomBytes(size) {
        sizes.push(size)
        return Buffer.alloc(size, sizes.length)
      },
    })
    const [one, other] = [counting.seal(secret, purpose), counting.seal(secret, purpose)]
    assert.deepEqual(sizes, [12, 12])
    assert.deepEqual(one.subarray(1, 13), Buffer.alloc(12, 1))
    assert.notDeepEqual(one.subarray(13), other.subarray(13))
  })

  test('opens from any kind of bytes, and leaves them as they are', () => {
    const sealed = Uint8Array.from(sealer.seal(secret, purpose))
    const before = Uint8Array.from(sealed)
    assert.deepEqual(sealer.open(sealed, purpose), secret)
    assert.deepEqual(sealed, before)
  })

  const otherPurposes = ['', 'access-key/resource/primary/2', `${purpose} `, purpose.slice(1)]
  for (const other of otherPurposes) {
    test(`does not open for the purpose '${other}'`, () => {
      assert.equal(sealer.open(sealer.seal(secret, purpose), other), undefined)
    })
  }

  test('does not open under another master key', () => {
    const other = createSealer(Buffer.alloc(32, 8), platform)
    assert.equal(other.open(sealer.seal(secret, purpose), purpose), undefined)
  })

  test('does not open with any one of its bits flipped', () => {
    const sealed = sealer.seal(secret, purpose)
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const broken = Buffer.from(sealed)
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(sealer.open(broken, purpose), undefined, `bit ${bit}`)
    }
  })

  test('does not open when it is cut anywhere, or longer than it was', () => {
    const sealed = sealer.seal(secret, purpose)
    for (let length = 0; length < sealed.length; length += 1) {
      assert.equal(sealer.open(sealed.subarray(0, length), purpose), undefined, `${length} bytes`)
    }
    assert.equal(sealer.open(Buffer.concat([sealed, Buffer.of(0)]), purpose), undefined)
  })
})
