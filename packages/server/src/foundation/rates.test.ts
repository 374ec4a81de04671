import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRates, publishedRates } from './rates.ts'

function limitsIn(text: string) {
  const rates = parseRates(text)
  assert.ok(rates.ok, text)
  return (name: keyof typeof publishedRates) => rates.value.get(name)
}

describe('PARLEY_RATE_LIMITS', () => {
  test('off limits nothing', () => {
    const rates = parseRates('off')
    assert.equal(rates.ok && rates.value.size, 0)
  })

  test('published has every limit that is published', () => {
    const rates = parseRates('published')
    assert.ok(rates.ok)
    assert.deepEqual(Object.fromEntries(rates.value), publishedRates)
    assert.deepEqual(rates.value.get('token-issue'), [{ per: 'resource', max: 1000, seconds: 30 }])
  })

  test('a factor makes all of them larger or smaller, never none', () => {
    const [twice, tiny] = [limitsIn('2'), limitsIn('0.001')]
    assert.deepEqual(twice('token-revoke'), [{ per: 'resource', max: 1000, seconds: 30 }])
    assert.equal(tiny('chat-thread-update')?.[0]?.max, 1)
  })

  test('names what differs', () => {
    const limit = { per: 'resource', max: 2, seconds: 1 }
    const terms = { 'token-issue': [limit], 'token-revoke': 'off', 'identity-create': 0.5 }
    const limits = limitsIn(JSON.stringify(terms))
    assert.deepEqual(limits('token-issue'), [limit])
    assert.equal(limits('token-revoke'), undefined)
    assert.equal(limits('identity-create')?.[0]?.max, 500)
    assert.deepEqual(limits('identity-delete'), publishedRates['identity-delete'])
  })

  for (const text of [
    'on',
    '0',
    '-1',
    'null',
    '[]',
    '{"token-isue": 2}',
    '{"token-issue": "2"}',
    '{"token-issue": []}',
    '{"token-issue": [{"per":"thread","max":1,"seconds":1}]}',
    '{"token-issue": [{"per":"resource","max":0,"seconds":1}]}',
    '{"token-issue": [{"per":"resource","max":1,"seconds":1.5}]}',
    '{"token-issue": [{"per":"resource","max":1,"seconds":1,"burst":1}]}',
  ]) {
    test(`refuses ${text}`, () => assert.equal(parseRates(text).ok, false))
  }
})
