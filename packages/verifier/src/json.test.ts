import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeUtf8, parseJsonObject } from './json.ts'

// Names and texts full of what a careless scanner trips over.
const nasty = fc.string({ unit: fc.constantFrom(...'ab"\\:,{}[] \u00e9\ud83d'), maxLength: 6 })
const shallow = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })

/** Writes a name with its last letter escaped. */
function escaped(name: string): string {
  const code = name
    .charCodeAt(name.length - 1)
    .toString(16)
    .padStart(4, '0')
  return `"${name.slice(0, -1)}\\u${code}"`
}

/** Says whether some name in a value can only be written with an escape. */
function needsEscape(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const names = Array.isArray(value) ? [] : Object.keys(value)
  if (names.some((name) => JSON.stringify(name).includes('\\'))) return true
  return Object.values(value).some(needsEscape)
}

describe('a JSON object', () => {
  test('is read as JSON.parse reads it, unless a name needs an escape', () => {
    const name = fc.oneof(nasty, fc.string())
    fc.assert(
      fc.property(fc.dictionary(name, shallow), fc.nat({ max: 3 }), (object, spaces) => {
        const text = JSON.stringify(object, null, spaces)
        const expected = needsEscape(object) ? undefined : JSON.parse(text)
        assert.deepEqual(parseJsonObject(text), expected)
      }),
      { numRuns: 150 },
    )
  })

  test('is refused exactly when a name stands twice in one object or is escaped', () => {
    const member = fc.tuple(fc.constantFrom('a', 'b', 'é', '__proto__', ':', ''), nasty)
    const members = fc.array(member, { maxLength: 4 })
    const wrapped = fc.constantFrom(
      '#',
      '{"x":#}',
      '{"a":[1,#],"b":{"a":#}}',
      '{":":"\\"","y":[#]}',
    )
    fc.assert(
      fc.property(members, wrapped, fc.nat({ max: 20 }), (pairs, frame, escapedAt) => {
        const inner = pairs.map(([name, value], index) => {
          const printed = index === escapedAt && name !== '' ? escaped(name) : JSON.stringify(name)
          return `${printed}:${JSON.stringify(value)}`
        })
        const text = frame.replaceAll('#', () => `{${inner.join(',')}}`)
        const isUnique = new Set(pairs.map(([name]) => name)).size === pairs.length
        const isEscaped = (pairs[escapedAt]?.[0] ?? '') !== ''
        const expected = isUnique && !isEscaped ? JSON.parse(text) : undefined
        assert.deepEqual(parseJsonObject(text), expected)
      }),
      { numRuns: 1000 },
    )
  })

  // nodejs/node#63785: once a name of one backslash was parsed, V8 took others for it.
  test('is not read under another name than it was written with', () => {
    JSON.parse('{"h":[],"\\\\":0}')
    assert.equal(parseJsonObject('{"h":1,"\\"":2}'), undefined)
    assert.equal(parseJsonObject('{"h":1,"\\"":2,"\\"":3}'), undefined)
    assert.deepEqual(parseJsonObject('{"h":1,"a":"\\""}'), { h: 1, a: '"' })
  })

  test('is refused wherever JSON.parse refuses it', () => {
    const letter = fc.constantFrom(...'{}[]",:\\ua1 e-.', 'true', 'null')
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 12 }), (text) => {
        const parsed = parseJsonObject(`{"a":${text}}`)
        if (parsed !== undefined) assert.deepEqual(parsed, JSON.parse(`{"a":${text}}`))
      }),
      { numRuns: 1000 },
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
