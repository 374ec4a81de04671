import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { daysOfRetention, dueAtMs, parseThreadId, printThreadId, wholeSecond } from './thread.ts'

const guid = fc.uuid().map((text) => text.toLowerCase())

describe('the id of a thread', () => {
  test('is read as it was printed, whatever resource and thread', () => {
    fc.assert(
      fc.property(guid, guid, (resourceId, threadId) => {
        const text = printThreadId({ resourceId, threadId })
        assert.match(text, /^19:[\w-]{43}1@thread\.v2$/)
        assert.deepEqual(parseThreadId(text), { resourceId, threadId })
      }),
    )
  })

  const text = printThreadId({
    resourceId: '11111111-1111-4111-8111-111111111111',
    threadId: '22222222-2222-4222-8222-222222222222',
  })
  // The last of 43 characters has two bits that mean nothing.
  const spelled = `${text.slice(0, 45)}${text[45] === 'I' ? 'J' : 'K'}${text.slice(46)}`
  for (const other of [
    '',
    '19:x1@thread.v2',
    text.slice(1),
    `${text} `,
    text.replace('@', '%40'),
    spelled,
  ]) {
    test(`is not ${JSON.stringify(other)}`, () => {
      assert.equal(parseThreadId(other), undefined)
    })
  }
})

describe('a retention policy', () => {
  const kind = 'threadCreationDate'
  const policies = [
    [undefined, null],
    [null, null],
    [{ kind: 'none' }, null],
    [{ kind: 'none', deleteThreadAfterDays: 1 }, null],
    [{ kind, deleteThreadAfterDays: 30 }, 30],
    [{ kind, deleteThreadAfterDays: 90 }, 90],
    [{ kind, deleteThreadAfterDays: 29 }, 'retentionPolicy.deleteThreadAfterDays'],
    [{ kind, deleteThreadAfterDays: 91 }, 'retentionPolicy.deleteThreadAfterDays'],
    [{ kind, deleteThreadAfterDays: null }, 'retentionPolicy.deleteThreadAfterDays'],
    [{ kind }, 'retentionPolicy.deleteThreadAfterDays'],
    [{ kind: 'x' }, 'retentionPolicy.kind'],
  ] as const
  for (const [asked, expected] of policies) {
    test(`${JSON.stringify(asked)} means ${expected}`, () => {
      const read = daysOfRetention(asked)
      assert.equal('problem' in read ? read.field : read.days, expected)
    })
  }

  test('is due so many days after the creation', () => {
    assert.equal(dueAtMs(1000, 30), 1000 + 30 * 86_400_000)
    assert.equal(dueAtMs(1000, null), null)
  })
})

describe('a whole second', () => {
  test('is the one that has begun', () => {
    assert.deepEqual([wholeSecond(0), wholeSecond(999), wholeSecond(1000)], [0, 0, 1000])
  })
})
