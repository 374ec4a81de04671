import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  chatVersions,
  identityVersions,
  isInRange,
  type VersionRange,
  versionsIn,
} from './versions.ts'

describe('the api-versions', () => {
  test('stand in the order of their names, each once', () => {
    assert.deepEqual(identityVersions, [...new Set(identityVersions)].sort())
  })

  test('are the public ones of the identity service', () => {
    assert.deepEqual(identityVersions, [
      '2020-07-20-preview2',
      '2021-02-22-preview1',
      '2021-03-07',
      '2021-03-31-preview1',
      '2021-10-31-preview',
      '2021-11-01',
      '2022-06-01',
      '2022-10-01',
      '2023-10-01',
      '2025-03-02-preview',
      '2025-06-30',
      '2026-07-22',
      '2026-09-23',
    ])
  })
})

describe('the api-versions of chat', () => {
  test('are the stable ones, and none of another service', () => {
    const every = { service: 'chat', since: '2021-03-07' } as const
    assert.deepEqual(versionsIn(every), chatVersions)
    assert.equal(chatVersions.length, 5)
    assert.equal(isInRange('2023-10-01', every), false)
  })
})

describe('a range of api-versions', () => {
  const middle = { since: '2022-10-01', until: '2025-03-02-preview' } as const
  const openEnded = { since: '2025-06-30' } as const
  const single = { since: '2023-10-01', until: '2023-10-01' } as const
  const inverted = { since: '2023-10-01', until: '2022-10-01' } as const

  const listed: readonly (readonly [string, VersionRange, readonly string[]])[] = [
    ['with two ends', middle, ['2022-10-01', '2023-10-01', '2025-03-02-preview']],
    ['without an end', openEnded, ['2025-06-30', '2026-07-22', '2026-09-23']],
    ['of one version', single, ['2023-10-01']],
    ['that ends before it begins', inverted, []],
    ['since the first version', { since: '2020-07-20-preview2' }, identityVersions],
  ]
  for (const [which, range, expected] of listed) {
    test(`${which} lists its versions, the oldest first`, () => {
      assert.deepEqual(versionsIn(range), expected)
    })
  }

  const edges = [
    ['2022-06-01', middle, false],
    ['2022-10-01', middle, true],
    ['2025-03-02-preview', middle, true],
    ['2025-06-30', middle, false],
    ['2025-03-02-preview', openEnded, false],
    ['2025-06-30', openEnded, true],
    ['2026-09-23', openEnded, true],
    ['2023-10-01', single, true],
  ] as const
  for (const [version, range, isInside] of edges) {
    const end = 'until' in range ? range.until : ''
    const place = `${range.since} .. ${end}`
    test(`${place} ${isInside ? 'has' : 'has not'} ${version}`, () => {
      assert.equal(isInRange(version, range), isInside)
    })
  }
})
