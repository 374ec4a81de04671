import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { type CutOff, deletedGeneration, type SubjectKind } from '@parley/protocol'
import fc from 'fast-check'
import { type CutOffs, createCutOffs, lowestLive, placeSubject, raiseCutOff } from './cut-offs.ts'
import { fingerprintOf, fingerprintOfBytes, saltOf } from './fingerprints.ts'

const guid = (number: number, first = 0) => {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
  return `${hex(first, 8)}-0000-7000-8000-${hex(number, 12)}`
}

const identity = (number: number, generation: number): CutOff => ({
  kind: 'identity',
  resourceId: guid(1),
  subject: guid(number),
  generation,
})

const kinds: readonly SubjectKind[] = [
  'identity',
  'access-key',
  'resource',
  'token',
  'identity-scope',
]

const cutOff: fc.Arbitrary<CutOff> = fc
  .record({
    kind: fc.constantFrom(...kinds),
    resource: fc.nat({ max: 3 }),
    subject: fc.nat({ max: 20 }),
    generation: fc.oneof(fc.integer({ min: 2, max: 9 }), fc.constant(deletedGeneration)),
  })
  .map(({ kind, resource, subject, generation }) => {
    const resourceId = guid(resource)
    const slot = subject % 2 === 0 ? 'primary' : 'secondary'
    const id = guid(subject)
    const scope = `${guid(subject >> 1)}-${subject % 5}`
    const owned = { identity: id, token: id, 'identity-scope': scope }
    const named = { 'access-key': slot, resource: resourceId, ...owned }
    return { kind, resourceId, subject: named[kind], generation }
  })

function liveFrom(table: CutOffs, of: CutOff): number {
  return lowestLive(placeSubject(table, { ...of, carried: 0 }))
}

test('a subject has one fingerprint, in text and in bytes', () => {
  for (let round = 0; round < 1000; round++) {
    const hash = createHash('sha256').update(String(round)).digest()
    const hex = hash.toString('hex', 0, 16)
    const subject = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    const resourceId = `0199a6b2-7c00-7000-8000-${String(round % 3).padStart(12, '0')}`
    const view = new DataView(hash.buffer, hash.byteOffset)
    for (const kind of ['identity', 'token'] as const) {
      const fromText = fingerprintOf({ kind, resourceId, subject })
      const salt = saltOf({ kind, resourceId }, 0)
      assert.deepEqual(fingerprintOfBytes(salt, view, 0), fromText)
    }
    const [kind, place] = ['identity-scope', round % 5] as const
    const fromText = fingerprintOf({ kind, resourceId, subject: `${subject}-${place}` })
    const salt = saltOf({ kind, resourceId }, place)
    assert.deepEqual(fingerprintOfBytes(salt, view, 0), fromText)
  }
})

describe('the table of cut-offs', () => {
  test('answers as a plain map of the highest cut-offs does', () => {
    fc.assert(
      fc.property(fc.array(cutOff, { maxLength: 200 }), fc.array(cutOff), (raised, asked) => {
        const table = createCutOffs()
        const highest = new Map<string, number>()
        for (const cut of raised) {
          const key = `${cut.kind} ${cut.resourceId} ${cut.subject}`
          const before = highest.get(key) ?? 0
          assert.equal(raiseCutOff(table, cut), cut.generation > before)
          highest.set(key, Math.max(before, cut.generation))
        }
        const sizes = Object.values(table.tables).map(({ size }) => size)
        assert.equal(
          sizes.reduce((sum, size) => sum + size),
          highest.size,
        )
        for (const cut of [...raised, ...asked]) {
          const key = `${cut.kind} ${cut.resourceId} ${cut.subject}`
          assert.equal(liveFrom(table, cut), highest.get(key) ?? 0)
        }
      }),
    )
  })

  test('keeps the highest cut-off of a subject and knows nothing of others', () => {
    const table = createCutOffs()
    assert.equal(raiseCutOff(table, identity(7, 5)), true)
    assert.equal(raiseCutOff(table, identity(7, 4)), false)
    assert.equal(raiseCutOff(table, identity(7, 5)), false)
    assert.equal(liveFrom(table, identity(7, 0)), 5)
    assert.equal(liveFrom(table, identity(8, 0)), 0)
  })

  test('has another version exactly when a cut-off rose', () => {
    const table = createCutOffs()
    const versions = [identity(1, 2), identity(1, 2), identity(1, 3), identity(2, 2)].map((cut) => {
      raiseCutOff(table, cut)
      return table.version
    })
    assert.deepEqual(versions, [1, 1, 2, 3])
  })

  test('tells subjects apart that have one half of their fingerprints in common', () => {
    // Found by trying: the first two share the upper half, the others the lower half and the home.
    const pairs = [
      [0xc863, 0x1195f, 'high'],
      [0x7da07, 0xd69f9, 'low'],
    ] as const
    for (const [one, two, half] of pairs) {
      const [first, second] = [fingerprintOf(identity(one, 0)), fingerprintOf(identity(two, 0))]
      assert.equal(first[half], second[half])
      assert.equal(first.high >>> 26, second.high >>> 26)
      const table = createCutOffs()
      raiseCutOff(table, identity(one, 5))
      assert.equal(liveFrom(table, identity(two, 0)), 0)
      raiseCutOff(table, identity(two, 7))
      assert.deepEqual(
        [one, two].map((id) => liveFrom(table, identity(id, 0))),
        [5, 7],
      )
    }
  })

  test('grows without losing anything, at 16 to 20 bytes an entry', () => {
    const table = createCutOffs()
    for (let number = 1; number <= 5000; number++) {
      raiseCutOff(table, identity(number, (number % 7) + 2))
      if (number >= 100) {
        const bytes = table.tables.identity.slots.byteLength / number
        assert.ok(bytes >= 15.9 && bytes <= 20, `${bytes} at ${number}`)
      }
    }
    for (let number = 1; number <= 5000; number++) {
      assert.equal(liveFrom(table, identity(number, 0)), (number % 7) + 2)
    }
    for (let number = 5001; number <= 10_000; number++) {
      assert.equal(liveFrom(table, identity(number, 0)), 0)
    }
    assert.equal(table.tables.identity.size, 5000)
  })
})

describe('the fingerprint of a subject', () => {
  const printed = (of: Omit<CutOff, 'generation'>) => {
    const { high, low } = fingerprintOf({ ...of })
    return `${high} ${low}`
  }

  test('differs for 40,000 ids counted upwards, in either half of a GUID', () => {
    const seen = new Set<string>()
    for (let number = 1; number <= 20_000; number++) {
      seen.add(printed(identity(number, 0)))
      seen.add(printed({ ...identity(1, 0), subject: guid(0, number) }))
    }
    assert.equal(seen.size, 40_000)
  })

  test('differs for each kind, slot, scope and resource', () => {
    const [one, two] = [guid(1), guid(2)]
    const seen = new Set(
      [one, two].flatMap((resourceId) => [
        printed({ kind: 'identity', resourceId, subject: one }),
        printed({ kind: 'identity', resourceId, subject: two }),
        printed({ kind: 'token', resourceId, subject: one }),
        printed({ kind: 'token', resourceId, subject: two }),
        printed({ kind: 'resource', resourceId, subject: resourceId }),
        printed({ kind: 'access-key', resourceId, subject: 'primary' }),
        printed({ kind: 'access-key', resourceId, subject: 'secondary' }),
        ...[0, 1, 2, 3, 4].flatMap((place) => [
          printed({ kind: 'identity-scope', resourceId, subject: `${one}-${place}` }),
          printed({ kind: 'identity-scope', resourceId, subject: `${two}-${place}` }),
        ]),
      ]),
    )
    assert.equal(seen.size, 34)
  })

  test('spreads ids counted upwards evenly, by its upper and by its lower half', () => {
    const count = 32_000
    for (const half of ['high', 'low'] as const) {
      const buckets = new Array<number>(64).fill(0)
      for (let number = 0; number < count; number++) {
        const print = fingerprintOf(identity(number, 0))
        const bucket = print[half] >>> 26
        buckets[bucket] = (buckets[bucket] ?? 0) + 1
      }
      // 500 each; five standard deviations are 112.
      assert.ok(Math.min(...buckets) > 388 && Math.max(...buckets) < 612, `${half}: ${buckets}`)
    }
  })
})
