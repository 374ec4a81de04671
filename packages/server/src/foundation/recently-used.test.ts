import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRecentlyUsed } from './recently-used.ts'

describe('what was used recently', () => {
  test('is kept up to a number, and what was used least recently makes room', () => {
    const memory = createRecentlyUsed<number>(2)
    memory.put('a', 1)
    memory.put('b', 2)
    assert.equal(memory.find('a'), 1)
    memory.put('c', 3)
    assert.deepEqual(['a', 'b', 'c'].map(memory.find), [1, undefined, 3])
  })

  test('is one value for a key, the last that was put', () => {
    const memory = createRecentlyUsed<number>(2)
    memory.put('a', 1)
    memory.put('b', 2)
    memory.put('a', 3)
    assert.deepEqual(['a', 'b'].map(memory.find), [3, 2])
  })
})
