import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNumberPattern } from './number-pattern.ts'

function isMatched(pattern: string, number: string): boolean {
  const parsed = parseNumberPattern(pattern)
  assert.ok(parsed.ok, pattern)
  return parsed.value(number)
}

const patterns: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['^\\+[1-9][0-9]{3,23}$', ['+1234', '+123456789012345'], ['+0123', '+123', '1234']],
  ['^+[1-9][0-9]{3,23}$', ['1234'], ['123', '+']],
  ['\\+123[0-9]+', ['+1234', '+12399'], ['+123', '+124']],
  ['^\\+1(425|206)\\d{7}$', ['+14255550123', '+12065550123'], ['+14255550', '+13605550123']],
  ['^\\+(?!1900)(?:1|44)\\d+$', ['+1425', '+447'], ['+19001', '+49']],
  ['^(?=\\+49).*7$', ['+497', '+49307'], ['+498', '+437']],
  ['^\\+1?2*3{2}4{1,}$', ['+334', '+12223344'], ['+34', '+13']],
  ['^\\+[^2-9]\\D?\\d*?$', ['+1', '+0123'], ['+2', '+1++']],
  ['^\\+[]+\\]-][0-9a]$', ['++1', '+-2'], ['+11']],
  ['\\A\\+1\\z|^\\+2\\Z', ['+1', '+2'], ['+12']],
  ['^\\+1{0}2$', ['+2'], ['+12']],
  ['^\\+1{x', [], ['+1']],
  ['5', ['+15'], ['+1']],
  ['', [], []],
]

describe('a pattern of numbers', () => {
  for (const [pattern, matched, others] of patterns.filter(([text]) => text !== '')) {
    test(`${pattern} matches ${matched.join(', ') || 'nothing'}, and not ${others}`, () => {
      for (const number of matched) assert.equal(isMatched(pattern, number), true, number)
      for (const number of others) assert.equal(isMatched(pattern, number), false, number)
    })
  }

  test('agrees with the engine of JavaScript where that is quick', () => {
    const digits = ['', '+', '+1', '+12', '+112', '+1122', '+21', '+211', '12', '+2212', '+111111']
    const parts = ['1', '2', '\\+', '[12]', '.', '(1|2)', '(?:12)?', '1*', '2+', '(1*2)*', '1{2,3}']
    for (const one of parts) {
      for (const two of parts) {
        for (const pattern of [`^${one}${two}$`, `${one}|${two}$`, `^\\+(${one}${two})*$`]) {
          const real = new RegExp(pattern)
          for (const number of digits) {
            assert.equal(isMatched(pattern, number), real.test(number), `${pattern} on ${number}`)
          }
        }
      }
    }
  })

  test('is matched at once, whatever it is', () => {
    const hard = `^\\+${'(1+)+'.repeat(60)}2$`
    assert.equal(isMatched(hard, '+111111111111111'), false)
    const nested = `^\\+${'('.repeat(14)}1*${')*'.repeat(14)}2$`
    assert.equal(isMatched(nested, '+111111111111111'), false)
  })

  for (const pattern of [
    ...['', 'x'.repeat(1025), '(', ')', '[1', '[2-1]', '[0-9-[5]]', '*1', '1**', '1{65}', '1{3,2}'],
    ...['\\1', '\\b', '(?<a>1)', '(?i)1', '(?<=1)2', '\\', `${'('.repeat(17)}1${')'.repeat(17)}`],
  ]) {
    test(`is not ${JSON.stringify(pattern.slice(0, 24))}`, () => {
      assert.equal(parseNumberPattern(pattern).ok, false)
    })
  }
})
