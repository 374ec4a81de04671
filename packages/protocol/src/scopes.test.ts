import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isScope, parseScopeClaim, scopeMask, scopes, scopesInMask } from './scopes.ts'

describe('a scope', () => {
  const names = [
    ['chat', true],
    ['voip', true],
    ['chat.join', true],
    ['chat.join.limited', true],
    ['voip.join', true],
    ['Chat', false],
    ['chat ', false],
    ['', false],
    ['voip.join.limited', false],
    ['toString', false],
    ['__proto__', false],
  ] as const
  for (const [text, accepted] of names) {
    test(`${accepted ? 'is' : 'is not'} ${JSON.stringify(text)}`, () => {
      assert.equal(isScope(text), accepted)
    })
  }
})

describe('a scope mask', () => {
  test('has one bit for each scope, in the order of the list', () => {
    assert.deepEqual(
      scopes.map((scope) => scopeMask([scope])),
      [1, 2, 4, 8, 16],
    )
  })

  test('gives back every set of scopes, each scope once and in order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...scopes]), (granted) => {
        const unpacked = scopesInMask(scopeMask([...granted, ...granted]))
        assert.deepEqual(
          unpacked,
          scopes.filter((scope) => granted.includes(scope)),
        )
      }),
    )
  })

  test('is 0 for no scope', () => {
    assert.equal(scopeMask([]), 0)
    assert.deepEqual(scopesInMask(0), [])
  })
})

describe('the scope claim', () => {
  test('lists scopes joined by commas, in the order of the token', () => {
    assert.deepEqual(parseScopeClaim('voip,chat'), ['voip', 'chat'])
    assert.deepEqual(parseScopeClaim('chat.join.limited'), ['chat.join.limited'])
  })

  for (const text of ['', ',', 'chat,', 'chat, voip', 'chat;voip', 'chat,sms', 'CHAT']) {
    test(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(parseScopeClaim(text), undefined)
    })
  }
})
