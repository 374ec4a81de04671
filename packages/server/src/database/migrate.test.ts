import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compareHistory, type Migration } from './migrate.ts'

describe('the history of a database', () => {
  const files: readonly Migration[] = [1, 2, 3].map((version) => ({
    version,
    name: `step-${version}`,
    text: '',
    checksum: `${version}`.repeat(64),
  }))
  const [first, second, third] = files
  assert.ok(first !== undefined && second !== undefined && third !== undefined)

  const accepted = [
    ['an empty one', [], files],
    ['one that is behind', [first], files],
    ['an equal one', files, files],
    ['one file ahead, left by the next version that runs beside this one', files, [first, second]],
    ['a file that was renamed only', [{ ...first, name: 'other' }], files],
  ] as const
  for (const [what, history, ours] of accepted) {
    test(`is accepted: ${what}`, () => {
      assert.equal(compareHistory(history, ours), undefined)
    })
  }

  const refused = [
    ['two files ahead', files, [first], 'database-too-new'],
    ['an edited file', [first, { ...second, checksum: 'f' }], files, 'migration-changed'],
    ['a file missing in the middle', [first, third], files, 'migration-changed'],
    [
      'an edited file below one ahead',
      [{ ...first, checksum: 'f' }, second],
      [first],
      'migration-changed',
    ],
  ] as const
  for (const [what, history, ours, kind] of refused) {
    test(`is refused: ${what}`, () => {
      assert.equal(compareHistory(history, ours)?.kind, kind)
    })
  }
})
