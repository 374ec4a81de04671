import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pageAsked, printPage } from './paging.ts'

const isMark = (text: string) => /^[a-z]+$/.test(text)

describe('a page that is asked for', () => {
  test('has a hundred entries from the beginning unless somebody says otherwise', () => {
    assert.deepEqual(pageAsked({}, isMark), {
      ok: true,
      value: { after: undefined, entriesMax: 100 },
    })
  })

  const refused = [
    { $top: '0' },
    { $top: '1001' },
    { $top: '1.5' },
    { $top: '' },
    { $top: ['1', '2'] },
    { $skipToken: 'QQ' },
    { $skipToken: '' },
    { $skipToken: ['YQ', 'Yg'] },
  ]
  for (const query of refused) {
    test(`is refused with ${JSON.stringify(query)}`, () => {
      const asked = pageAsked(query, isMark)
      assert.equal(!asked.ok && asked.fault.kind, 'query-invalid')
    })
  }
})

describe('a page that is printed', () => {
  const print = (entries: readonly string[], entriesMax: number, query: object = {}) =>
    printPage({
      entries,
      asked: { after: undefined, entriesMax },
      print: (entry) => ({ name: entry }),
      markOf: (entry) => entry,
      path: '/subscriptions/a%20b/list',
      call: { query: query as Readonly<Record<string, unknown>>, version: '2025-09-01' },
      endpoint: 'https://configured:1/',
    }) as { readonly value: readonly object[]; readonly nextLink?: string }

  test('links to the next from the configured endpoint, with all that was asked', () => {
    const { value, nextLink } = print(['a', 'b', 'c'], 2, { $top: '2' })
    assert.deepEqual(value, [{ name: 'a' }, { name: 'b' }])
    const link = new URL(nextLink ?? '')
    assert.equal(link.origin + link.pathname, 'https://configured:1/subscriptions/a%20b/list')
    const query = Object.fromEntries(link.searchParams)
    assert.deepEqual([query['api-version'], query['$top']], ['2025-09-01', '2'])
    const next = pageAsked(query, isMark)
    assert.deepEqual(next.ok && next.value, { after: 'b', entriesMax: 2 })
  })

  test('is the last when nothing comes after it', () => {
    assert.deepEqual(print(['a', 'b'], 2), { value: [{ name: 'a' }, { name: 'b' }] })
    assert.deepEqual(print([], 2), { value: [] })
  })
})
