import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { createPlatform } from '../foundation/platform.ts'
import { createSealer } from '../foundation/seal.ts'
import { createKeyRing } from './key-ring.ts'
import { activeAccessKey, newAccessKey, openAccessKey, planRegeneration } from './model.ts'

const platform = createPlatform({ now: () => 0, monotonicNow: () => 0, randomBytes })
const sealer = createSealer(Buffer.alloc(32, 1), platform)
const owner = {
  resourceId: '11111111-1111-4111-8111-111111111111',
  slot: 'primary',
  generation: 1,
} as const

describe('a new access key', () => {
  test('has 64 random bytes, stored sealed with its place', () => {
    const drawn = Buffer.alloc(64, 9)
    const sizes: number[] = []
    const drawing = (size: number) => {
      sizes.push(size)
      return drawn
    }
    const world = { sealer, platform: { ...platform, randomBytes: drawing } }
    const { stored, secret } = newAccessKey(owner, world)
    assert.deepEqual([sizes, secret], [[64], drawn])
    const { sealedKey, ...place } = stored
    assert.deepEqual(place, owner)
    assert.ok(!sealedKey.includes(secret))
    assert.deepEqual(openAccessKey(stored, sealer), secret)
  })

  test('differs from every other', () => {
    const secrets = Array.from({ length: 100 }, () => newAccessKey(owner, { sealer, platform }))
    assert.equal(new Set(secrets.map(({ secret }) => secret.toString('hex'))).size, 100)
  })
})

describe('a stored access key', () => {
  const { stored } = newAccessKey(owner, { sealer, platform })

  const elsewhere = [
    ['slot', { ...stored, slot: 'secondary' }],
    ['generation', { ...stored, generation: 2 }],
    ['resource', { ...stored, resourceId: '22222222-2222-4222-8222-222222222222' }],
  ] as const
  for (const [what, moved] of elsewhere) {
    test(`does not open as that of another ${what}`, () => {
      assert.equal(openAccessKey(moved, sealer), undefined)
    })
  }

  test('does not open under another master key', () => {
    const other = createSealer(Buffer.alloc(32, 2), platform)
    assert.equal(openAccessKey(stored, other), undefined)
  })
})

describe('an active access key', () => {
  const { stored, secret } = newAccessKey(owner, { sealer, platform })
  const active = activeAccessKey(stored, secret)

  test('knows its place, and shows no byte of the key however it is printed', () => {
    const { resourceId, slot, generation } = active
    assert.deepEqual({ resourceId, slot, generation }, owner)
    const printed = inspect(active, { depth: null, showHidden: true }) + JSON.stringify(active)
    for (const encoding of ['base64', 'hex'] as const) {
      assert.ok(!printed.includes(secret.toString(encoding).slice(0, 8)))
    }
    assert.ok(!printed.includes([...secret].slice(0, 4).join(', ')))
  })
})

describe('a key ring', () => {
  const keyOf = (generation: number) => {
    const { stored, secret } = newAccessKey({ ...owner, generation }, { sealer, platform })
    return activeAccessKey(stored, secret)
  }

  test('has the keys of each resource, and all of them as candidates in their order', () => {
    const [first, second, third] = [keyOf(1), keyOf(2), keyOf(3)]
    const ring = createKeyRing()
    assert.deepEqual([ring.candidates(), ring.keysOf('a')], [[], []])
    ring.put('a', [first])
    ring.put('b', [second, third])
    assert.deepEqual(ring.keysOf('b'), [second, third])
    assert.deepEqual(ring.candidates(), [first, second, third])
  })

  test('gives a resource other keys in its old place, or none', () => {
    const [first, second, third] = [keyOf(1), keyOf(2), keyOf(3)]
    const ring = createKeyRing()
    ring.put('a', [first])
    ring.put('b', [second])
    const before = ring.candidates()
    ring.put('a', [third])
    assert.deepEqual(
      [ring.candidates(), before],
      [
        [third, second],
        [first, second],
      ],
    )
    ring.remove('a')
    assert.deepEqual([ring.candidates(), ring.keysOf('a')], [[second], []])
  })

  test('offers the keys of 64 resources and no more', () => {
    const ring = createKeyRing()
    for (let index = 0; index < 65; index += 1) ring.put(`r${index}`, [keyOf(index + 1)])
    assert.deepEqual(
      ring.candidates().map(({ generation }) => generation),
      [...Array.from({ length: 64 }, (_, index) => index + 1)],
    )
    assert.equal(ring.keysOf('r64')[0]?.generation, 65)
  })

  test('hands out once when keys were last used', () => {
    const [first, second] = [keyOf(1), keyOf(2)]
    const ring = createKeyRing()
    ring.noteUse(first, 1)
    ring.noteUse(second, 2)
    ring.noteUse(first, 3)
    assert.deepEqual(
      [...ring.takeUses()],
      [
        [first, 3],
        [second, 2],
      ],
    )
    assert.equal(ring.takeUses().size, 0)
  })
})

describe('regenerating an access key', () => {
  const nowMs = 1_000_000
  const cases = [
    ['ends everything of its slot so far', 1, false, undefined, [2, 2, undefined]],
    ['ends an overlap with the key that it replaces', 5, true, undefined, [6, 6, undefined]],
    ['with an overlap ends nothing yet', 1, false, 1, [2, undefined, nowMs + 60_000]],
    ['with an overlap ends an earlier one', 5, true, 1440, [6, 5, nowMs + 86_400_000]],
  ] as const
  for (const [what, generation, hasFormer, overlapMinutes, expected] of cases) {
    test(what, () => {
      const plan = planRegeneration({ generation, hasFormer }, { overlapMinutes, nowMs })
      const { nextGeneration, lowestLiveGeneration, formerUntilMs } = plan
      assert.deepEqual([nextGeneration, lowestLiveGeneration, formerUntilMs], expected)
    })
  }
})
