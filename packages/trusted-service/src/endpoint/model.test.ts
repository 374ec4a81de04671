import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkPolicy, countedAddress, judgeOrigin, leastPolicy, type TokenPolicy } from './model.ts'
import { createRateLimit } from './rate.ts'

const rules = { own: 'https://app.example', named: ['https://shop.example'] }

describe('the origin of a request', () => {
  const own = 'https://app.example'
  const cases = [
    { fetchSite: 'same-origin', origin: undefined, mark: '', kind: 'own' },
    { fetchSite: 'same-origin', origin: own, mark: '', kind: 'own' },
    { fetchSite: 'same-site', origin: 'https://other.app.example', mark: '', kind: 'foreign' },
    { fetchSite: 'cross-site', origin: 'https://evil.example', mark: 'header', kind: 'foreign' },
    { fetchSite: 'cross-site', origin: undefined, mark: '', kind: 'foreign' },
    { fetchSite: 'cross-site', origin: undefined, mark: 'bearer', kind: 'foreign' },
    { fetchSite: 'cross-site', origin: 'https://shop.example', mark: '', kind: 'named' },
    { fetchSite: undefined, origin: 'https://shop.example', mark: '', kind: 'named' },
    { fetchSite: undefined, origin: own, mark: '', kind: 'own' },
    { fetchSite: undefined, origin: 'http://app.example', mark: '', kind: 'foreign' },
    { fetchSite: undefined, origin: 'https://app.example:8443', mark: '', kind: 'foreign' },
    { fetchSite: undefined, origin: 'https://app.example.evil.example', mark: '', kind: 'foreign' },
    { fetchSite: undefined, origin: 'null', mark: 'bearer', kind: 'foreign' },
    { fetchSite: 'none', origin: undefined, mark: '', kind: 'foreign' },
    { fetchSite: 'none', origin: undefined, mark: 'header', kind: 'own' },
    { fetchSite: undefined, origin: undefined, mark: '', kind: 'foreign' },
    { fetchSite: undefined, origin: undefined, mark: 'header', kind: 'own' },
    { fetchSite: undefined, origin: undefined, mark: 'bearer', kind: 'own' },
  ] as const
  for (const { fetchSite, origin, mark, kind } of cases) {
    const from = `${origin ?? 'none'}, ${fetchSite ?? 'unsaid'}, ${mark || 'no mark'}`
    test(`is ${kind}: ${from}`, () => {
      const facts = {
        origin,
        fetchSite,
        hasBearer: mark === 'bearer',
        hasOwnHeader: mark === 'header',
      }
      assert.equal(judgeOrigin(facts, rules).kind, kind)
    })
  }
})

describe('a policy', () => {
  test('that says nothing lets take part for an hour, and no more', () => {
    assert.deepEqual(checkPolicy(leastPolicy), {
      scopes: ['chat.join.limited', 'voip.join'],
      lifetimeMinutes: 60,
      slot: '',
    })
  })

  const mistakes: Readonly<Record<string, TokenPolicy>> = {
    'no scope': { scopes: [] },
    'an unknown scope': { scopes: ['admin' as 'chat'] },
    '59 minutes': { scopes: ['chat'], lifetimeMinutes: 59 },
    '1441 minutes': { scopes: ['chat'], lifetimeMinutes: 1441 },
    'half a minute': { scopes: ['chat'], lifetimeMinutes: 60.5 },
  }
  for (const [what, policy] of Object.entries(mistakes)) {
    test(`with ${what} is a mistake`, () => {
      assert.throws(() => checkPolicy(policy), TypeError)
    })
  }
})

describe('an address', () => {
  const cases = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ] as const
  for (const [address, counted] of cases) {
    test(`${address} is counted as ${counted}`, () => {
      assert.equal(countedAddress(address), counted)
    })
  }
})

describe('a rate limit', () => {
  test('lets a minute’s worth pass at once, then one for each share of a minute', () => {
    let nowMs = 5_000_000
    const limit = createRateLimit({ perMinute: 30, now: () => nowMs })
    const passed = () => {
      let count = 0
      while (limit.take('ada') === 0) count += 1
      return count
    }
    assert.equal(passed(), 30)
    assert.equal(limit.take('ada'), 2)
    assert.equal(limit.take('bob'), 0)
    nowMs += 1_999
    assert.deepEqual([passed(), limit.take('ada')], [0, 1])
    nowMs += 1
    assert.equal(passed(), 1)
    nowMs += 3_600_000
    assert.equal(passed(), 30)
  })

  test('remembers no more keys than it may', () => {
    const limit = createRateLimit({ perMinute: 1, now: () => 0, keysMax: 2 })
    assert.deepEqual(['a', 'b', 'a', 'c', 'b', 'a'].map(limit.take), [0, 0, 60, 0, 60, 0])
  })

  test('of none a minute is a mistake', () => {
    assert.throws(() => createRateLimit({ perMinute: 0, now: () => 0 }), TypeError)
  })
})
