import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { nextLinkOf, readPageSize, readSkip, readStartTime } from './paging.ts'

describe('a page', () => {
  const sizes = [
    [undefined, 200],
    ['1', 1],
    ['200', 200],
    ['201', 200],
    ['999999999', 200],
    ['0', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    [['1', '2'], undefined],
  ] as const
  for (const [maxPageSize, size] of sizes) {
    test(`of ${JSON.stringify(maxPageSize)} has ${size ?? 'no'} entries`, () => {
      const read = readPageSize({ maxPageSize })
      const expected = 'a whole number, 1 or more'
      const refused = fail({ kind: 'query-invalid', parameter: 'maxPageSize', expected })
      assert.deepEqual(read, size === undefined ? refused : ok(size))
    })
  }

  test('skips a whole number', () => {
    assert.deepEqual([readSkip({}), readSkip({ skip: '7' })], [ok(0), ok(7)])
    assert.equal(readSkip({ skip: '-7' }).ok, false)
  })

  test('begins at an instant, at 0 of old links, or before all', () => {
    const read = (startTime: string) => readStartTime({ startTime })
    assert.deepEqual([readStartTime({}), read('0')], [ok(0), ok(0)])
    assert.deepEqual(read('1970-01-01T00:00:01Z'), ok(1000))
    assert.deepEqual(read('1960-01-01T00:00:01Z'), ok(0))
    assert.equal(read('soon').ok, false)
  })
})

describe('a link', () => {
  test('is absolute, and its values cannot leave their place', () => {
    const link = nextLinkOf('https://h:1/', 'chat/threads', { syncState: 'a&b=c', maxPageSize: 2 })
    assert.equal(link, 'https://h:1/chat/threads?syncState=a%26b%3Dc&maxPageSize=2')
  })
})
