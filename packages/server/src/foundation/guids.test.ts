import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { isGuid } from '@parley/protocol'
import { createGuidMaker } from './guids.ts'

/** A world whose chance is one byte, over and over. */
function worldOf(byte: number, nowMs = 0x0123_4567_89ab) {
  return { now: () => nowMs, randomBytes: (size: number) => Buffer.alloc(size, byte) }
}

describe('a new GUID', () => {
  const layouts = [
    [0x00, '01234567-89ab-7000-8000-000000000000'],
    [0xff, '01234567-89ab-7fff-bfff-ffffffffffff'],
    [0xa5, '01234567-89ab-75a5-a5a5-a5a5a5a5a5a5'],
  ] as const
  for (const [byte, expected] of layouts) {
    const chance = `0x${byte.toString(16)}`
    test(`has the time, then version 7 and its variant, then chance (${chance})`, () => {
      assert.equal(createGuidMaker(worldOf(byte))(), expected)
    })
  }

  const instants = [
    [0, '00000000-0000-7000-8000-000000000000'],
    [1, '00000000-0001-7000-8000-000000000000'],
    [2 ** 48 - 1, 'ffffffff-ffff-7000-8000-000000000000'],
  ] as const
  for (const [nowMs, expected] of instants) {
    test(`begins with ${nowMs} milliseconds in 48 bits`, () => {
      assert.equal(createGuidMaker(worldOf(0, nowMs))(), expected)
    })
  }

  test('sorts behind those of earlier milliseconds, whatever chance has put after them', () => {
    const noon = 1_700_000_000_000
    const earlier = createGuidMaker(worldOf(0xff, noon))()
    const later = createGuidMaker(worldOf(0x00, noon + 1))()
    assert.ok(earlier < later)
  })

  test('takes the time at which it is made, not that of its random bytes', () => {
    let nowMs = 0
    const newGuid = createGuidMaker({ ...worldOf(0), now: () => nowMs })
    newGuid()
    nowMs = 0xffff
    assert.equal(newGuid(), '00000000-ffff-7000-8000-000000000000')
  })

  test('has random bytes of its own, of which 256 are drawn at once', () => {
    const draws: number[] = []
    const newGuid = createGuidMaker({
      now: () => 0,
      randomBytes(size) {
        draws.push(size)
        const bytes = Buffer.alloc(size)
        for (let index = 0; index < size; index += 16) bytes.writeUInt16BE(index / 16, index + 14)
        return bytes
      },
    })
    const made = Array.from({ length: 256 }, newGuid)
    assert.equal(made[0], '00000000-0000-7000-8000-000000000000')
    assert.equal(made[255], '00000000-0000-7000-8000-0000000000ff')
    assert.deepEqual(draws, [4096])
    newGuid()
    assert.deepEqual(draws, [4096, 4096])
  })

  test('differs from 100,000 others of the same millisecond', () => {
    const newGuid = createGuidMaker({ now: () => 1_700_000_000_000, randomBytes })
    const made = Array.from({ length: 100_000 }, newGuid)
    assert.equal(new Set(made).size, made.length)
    assert.ok(isGuid(made.at(-1) ?? ''))
  })
})
