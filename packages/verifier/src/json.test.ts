import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeUtf8, parseJsonObject } from './json.ts'

// Names and texts full of what a careless scanner trips over.
const nasty = fc.string({ unit: fc.constantFrom(...'ab"\\:,{}[] \u00e9\ud83d'), maxLength: 6 })
const shallow = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })

/** Writes a name with some of its letters escaped. */
function escaped(name: string): string {
  const letters = [...JSON.stringify(name).slice(1, -1)]
  const isPlain = /^[a-z]$/.test(letters.at(-1) ?? '') && letters.at(-2) !== '\\'
  if (isPlain) letters.push(`\\u${letters.pop()?.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `"${letters.join('')}"`
}

describe('a JSON object', () => {
  test('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.dictionary(nasty, shallow), fc.nat({ max: 3 }), (object, spaces) => {
        const text = JSON.stringify(object, null, spaces)
        assert.deepEqual(parseJsonObject(text), JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  test('is refused exactly when a name stands twice in one object', () => {
    const member = fc.tuple(fc.constantFrom('a', 'b', '"', '\\', '__proto__', ':'), nasty)
    const members = fc.array(member, { maxLength: 4 })
    const wrapped = fc.constantFrom(
      '#',
      '{"x":#}',
      '{"a":[1,#],"b":{"a":#}}',
      '{":":"\\"","y":[#]}',
    )
    fc.assert(
      fc.property(members, wrapped, fc.boolean(), (pairs, frame, isEscaped) => {
        const print = isEscaped ? escaped : JSON.stringify
        const inner = pairs.map(([name, value]) => `${print(name)}:${JSON.stringify(value)}`)
        const text = frame.replaceAll('#', () => `{${inner.join(',')}}`)
        const isUnique = new Set(pairs.map(([name]) => name)).size === pairs.length
        assert.deepEqual(parseJsonObject(text), isUnique ? JSON.parse(text) : undefined)
      }),
      { numRuns: 2000 },
    )
  })

  test('is refused wherever JSON.parse refuses it', () => {
    const letter = fc.constantFrom(...'{}[]",:\\ua1 e-.', 'true', 'null')
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 12 }), (text) => {
        const parsed = parseJsonObject(`{"a":${text}}`)
        if (parsed !== undefined) assert.deepEqual(parsed, JSON.parse(`{"a":${text}}`))
      }),
      { numRuns: 2000 },
    )
  })

  test('is frozen with everything in it', () => {
    const object = parseJsonObject('{"a":{"b":[{"c":1}]},"d":null}') as {
      readonly a: { readonly b: readonly object[] }
    }
    for (const part of [object, object.a, object.a.b, object.a.b[0]]) {
      assert.equal(Object.isFrozen(part), true)
    }
  })

  test('keeps __proto__ as a member of its own and gives nothing else a new prototype', () => {
    const object = parseJsonObject('{"__proto__":{"isAdmin":true},"constructor":{"prototype":1}}')
    assert.equal(Object.getPrototypeOf(object), Object.prototype)
    assert.deepEqual(Object.keys(object ?? {}), ['__proto__', 'constructor'])
    assert.equal(Object.hasOwn(object ?? {}, '__proto__'), true)
    assert.equal(({} as { isAdmin?: unknown }).isAdmin, undefined)
  })

  const depths = [
    [8, true],
    [9, false],
    [4000, false],
  ] as const
  for (const [levels, accepted] of depths) {
    test(`${accepted ? 'may' : 'may not'} be ${levels} levels deep`, () => {
      const inner = levels - 1
      const text = `{"a":${'['.repeat(inner)}${']'.repeat(inner)}}`
      assert.equal(parseJsonObject(text) !== undefined, accepted)
    })
  }

  for (const text of [
    '',
    'null',
    '[]',
    '"{}"',
    '1',
    '{',
    '{}{}',
    '\ufeff{}',
    '{"a":1,}',
    "{'a':1}",
  ]) {
    test(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(parseJsonObject(text), undefined)
    })
  }
})

describe('UTF-8', () => {
  test('is decoded as a strict decoder does, and bytes that are not are refused', () => {
    const some = fc.array(fc.constantFrom(0x41, 0x7f, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf0, 0xff))
    fc.assert(
      fc.property(some, (list) => {
        const bytes = Buffer.from(list)
        const isUtf8 = Buffer.from(bytes.toString('utf8')).equals(bytes)
        assert.equal(decodeUtf8(bytes), isUtf8 ? bytes.toString('utf8') : undefined)
      }),
      { numRuns: 1000 },
    )
  })

  test('keeps a mark of byte order', () => {
    assert.equal(decodeUtf8(Buffer.from('\ufeff{}')), '\ufeff{}')
  })
})
