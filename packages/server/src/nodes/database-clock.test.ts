import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDatabaseClock } from './database-clock.ts'

const epochMs = 1_780_000_000_000

describe('the clock of the database', () => {
  test('is not known before the first look', () => {
    const clock = createDatabaseClock()
    assert.deepEqual([clock.at(5), clock.isDue(0), clock.errorMs()], [undefined, true, 0])
  })

  test('goes on from the middle of a look', () => {
    const clock = createDatabaseClock()
    clock.note({ askedAtMs: 100, databaseMs: epochMs, answeredAtMs: 104 })
    assert.deepEqual([clock.at(102), clock.at(602)], [epochMs, epochMs + 500])
    assert.equal(clock.errorMs(), 2)
  })

  test('is that of the quickest of the last eight looks', () => {
    const clock = createDatabaseClock()
    clock.note({ askedAtMs: 0, databaseMs: epochMs, answeredAtMs: 1 })
    for (let look = 1; look <= 8; look++) {
      assert.equal(clock.errorMs(), 0.5)
      const askedAtMs = 2000 * look
      clock.note({ askedAtMs, databaseMs: epochMs + 7 + askedAtMs, answeredAtMs: askedAtMs + 10 })
    }
    assert.deepEqual([clock.errorMs(), clock.at(20_005)], [5, epochMs + 20_007])
  })

  test('is looked at every two seconds', () => {
    const clock = createDatabaseClock()
    clock.note({ askedAtMs: 100, databaseMs: epochMs, answeredAtMs: 104 })
    assert.deepEqual([clock.isDue(2099), clock.isDue(2100)], [false, true])
  })

  test('is forgotten with its database', () => {
    const clock = createDatabaseClock()
    clock.note({ askedAtMs: 100, databaseMs: epochMs, answeredAtMs: 104 })
    clock.clear()
    assert.deepEqual([clock.at(102), clock.isDue(102)], [undefined, true])
  })
})
