import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFairMemory } from './fair-memory.ts'

describe('a fair memory', () => {
  test('finds what was put, and makes it once', () => {
    const memory = createFairMemory<number>(10)
    assert.equal(
      memory.findOrPut('a', 'x', () => 1),
      1,
    )
    assert.equal(
      memory.findOrPut('a', 'x', () => 2),
      1,
    )
    assert.equal(
      memory.findOrPut('b', 'x', () => 3),
      3,
    )
    assert.equal(memory.size(), 2)
  })

  test('never holds more than it may', () => {
    const memory = createFairMemory<number>(100)
    for (let index = 0; index < 10_000; index++) {
      memory.findOrPut(
        `owner-${(index * 7919) % 301}`,
        `key-${(index * 104_729) % 37}`,
        () => index,
      )
      assert.ok(memory.size() <= 100)
    }
  })

  test('lets a flood of one push out its own oldest, and nothing of the others', () => {
    const memory = createFairMemory<string>(100)
    const kept = Array.from({ length: 20 }, (_, index) => `small-${index}`)
    for (const owner of kept) memory.findOrPut(owner, 'key', () => owner)
    for (let index = 0; index < 5000; index++) memory.findOrPut('flood', `${index}`, () => 'mine')
    for (const owner of kept)
      assert.equal(
        memory.findOrPut(owner, 'key', () => 'new'),
        owner,
      )
    assert.equal(
      memory.findOrPut('flood', '4999', () => 'new'),
      'mine',
    )
    assert.equal(
      memory.findOrPut('flood', '0', () => 'new'),
      'new',
    )
  })

  test('makes room for one who comes later at the cost of who has most', () => {
    const memory = createFairMemory<string>(100)
    for (let index = 0; index < 100; index++) memory.findOrPut('flood', `${index}`, () => 'old')
    for (let index = 0; index < 40; index++) memory.findOrPut('late', `${index}`, () => 'mine')
    for (let index = 0; index < 40; index++) {
      assert.equal(
        memory.findOrPut('late', `${index}`, () => 'new'),
        'mine',
      )
    }
    assert.equal(memory.size(), 100)
  })
})
