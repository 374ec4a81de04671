import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { certifiedNames, parseHostName } from './host-names.ts'

describe('a host name', () => {
  const names = [
    ['localhost', 'dns', 'localhost'],
    ['Parley.Example.COM', 'dns', 'parley.example.com'],
    ['parley.example.com.', 'dns', 'parley.example.com'],
    ['*.parley.test', 'dns', '*.parley.test'],
    ['a_b.test', 'dns', 'a_b.test'],
    ['bücher.example', 'dns', 'xn--bcher-kva.example'],
    ['10.0.0.7', 'ip', '10.0.0.7'],
    ['::1', 'ip', '::1'],
    ['[2001:DB8::1]', 'ip', '2001:db8::1'],
  ] as const
  for (const [text, type, value] of names) {
    test(`${text} is the ${type} name ${value}`, () => {
      assert.deepEqual(parseHostName(text), { ok: true, value: { type, value } })
    })
  }

  const others = [
    '',
    '.',
    'a..b',
    '-a.test',
    'a-.test',
    'a b',
    'localhost:4430',
    'https://localhost',
    '*',
    'a.*.test',
    'fe80::1%eth0',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(127)}aa`,
    'DNS:evil, DNS:other',
  ]
  for (const text of others) {
    test(`${JSON.stringify(text.slice(0, 40))} is none`, () => {
      const parsed = parseHostName(text)
      assert.ok(!parsed.ok)
      assert.equal(parsed.fault.kind, 'host-name-invalid')
    })
  }
})

describe('the names of a development certificate', () => {
  test('are those of this machine and the configured ones, each once', () => {
    const named = certifiedNames(['parley.test', 'LOCALHOST', '[::1]', 'parley.test.'])
    assert.ok(named.ok)
    assert.deepEqual(
      named.value.map(({ value }) => value),
      ['localhost', '127.0.0.1', '::1', 'parley.test'],
    )
  })

  test('are refused with the first that is none', () => {
    const named = certifiedNames(['parley.test', 'no name', 'nor this'])
    assert.ok(!named.ok)
    assert.match(named.fault.message, /"no name"/)
  })
})
