import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { signedHosts, signedPaths } from './signed-forms.ts'

describe('the hosts that may be signed', () => {
  const forms: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['parley.example', [], ['parley.example']],
    ['parley.example:4430', [], ['parley.example:4430', 'parley.example']],
    ['parley.example:4', [], ['parley.example:4', 'parley.example']],
    ['127.0.0.1:65535', [], ['127.0.0.1:65535', '127.0.0.1']],
    ['[::1]', [], ['[::1]']],
    ['[::1]:4430', [], ['[::1]:4430', '[::1]']],
    ['parley.example:', [], ['parley.example:']],
    ['', [], ['']],
    ['10.0.0.1:8080', ['a.example'], ['10.0.0.1:8080', '10.0.0.1', 'a.example']],
    ['a.example', ['a.example', 'b.example:8443'], ['a.example', 'b.example:8443']],
    ['a.example:443', ['a.example'], ['a.example:443', 'a.example']],
  ]
  for (const [host, publicHosts, expected] of forms) {
    test(`are ${expected.join(' | ')} for '${host}' and [${publicHosts}]`, () => {
      assert.deepEqual(signedHosts(host, publicHosts), expected)
    })
  }
})

describe('the paths that may be signed', () => {
  const forms: readonly (readonly [arrived: string, expected: readonly string[]])[] = [
    ['/identities', ['/identities', 'identities']],
    ['/a?api-version=2023-10-01', ['/a?api-version=2023-10-01', 'a?api-version=2023-10-01']],
    ['/a?b=c%20d', ['/a?b=c%20d', '/a?b=c+d', 'a?b=c%20d']],
    ['/a?b=%c3%a4', ['/a?b=%c3%a4', '/a?b=%C3%A4', 'a?b=%c3%a4']],
    ['/a?b=%7e~*', ['/a?b=%7e~*', '/a?b=%7E%7E*', 'a?b=%7e~*']],
    ['/a?b', ['/a?b', '/a?b=', 'a?b']],
    ['/8%3aacs%3a1/:token?a=b', ['/8%3aacs%3a1/:token?a=b', '8%3aacs%3a1/:token?a=b']],
    ['/a?b=c?d', ['/a?b=c?d', '/a?b=c%3Fd', 'a?b=c?d']],
    ['/a?', ['/a?', 'a?']],
    ['/', ['/', '']],
  ]
  for (const [arrived, expected] of forms) {
    test(`are ${expected.join(' | ')} for ${arrived}`, () => {
      assert.deepEqual([...signedPaths(arrived)], expected)
    })
  }

  test('begin with what arrived, end with it less its slash, and are three at most', () => {
    const query = fc.string({ unit: fc.constantFrom(...'ab=+%&20c ~*?/') })
    fc.assert(
      fc.property(query, (text) => {
        const arrived = `/path?${text}`
        const forms = [...signedPaths(arrived)]
        assert.equal(forms[0], arrived)
        assert.equal(forms.at(-1), arrived.slice(1))
        assert.ok(forms.length <= 3 && new Set(forms).size === forms.length)
      }),
    )
  })
})
