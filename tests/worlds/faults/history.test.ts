import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  complaintsAbout,
  type Healthy,
  type History,
  lostOf,
  type Made,
  type Use,
  type Voiding,
} from './history.ts'

const revoked: Voiding = {
  cause: 'revoke',
  outcome: 'acknowledged',
  tokens: ['t'],
  startedAtMs: 100,
  endedAtMs: 110,
}
const healthyAlways: Healthy = { at: 'node', fromMs: 0, untilMs: Number.POSITIVE_INFINITY }

function use(startedAtMs: number, verdict: Use['verdict'], rest: Partial<Use> = {}): Use {
  const endedAtMs = startedAtMs + 5
  return { token: 't', at: 'node', staleMs: 0, startedAtMs, endedAtMs, verdict, ...rest }
}

function judged(parts: Partial<History>) {
  const history = { made: [], voidings: [], uses: [], healthy: [healthyAlways], ...parts }
  const found = complaintsAbout(history, 1000)
  return [found.acceptedVoid.length, found.diedUnasked.length, found.refusedAfterHealing.length]
}

const late: Voiding = { ...revoked, endedAtMs: 150 }
const silent: Voiding = { ...revoked, outcome: 'unknown' }
const broken: Healthy = { at: 'node', fromMs: 2000, untilMs: 6000 }

const histories: readonly (readonly [string, Partial<History>, readonly number[]])[] = [
  ['a live token that is accepted', { uses: [use(0, 'live')] }, [0, 0, 0]],
  ['an acceptance before', { voidings: [revoked], uses: [use(90, 'live')] }, [0, 0, 0]],
  ['one that overlaps it', { voidings: [revoked], uses: [use(109, 'live')] }, [0, 0, 0]],
  ['one after the answer', { voidings: [revoked], uses: [use(111, 'live')] }, [1, 0, 0]],
  ['one after two answers', { voidings: [late, revoked], uses: [use(111, 'live')] }, [1, 0, 0]],
  ['one after no answer', { voidings: [silent], uses: [use(999, 'live')] }, [0, 0, 0]],
  [
    'one after no answer and then one',
    { voidings: [silent, revoked], uses: [use(999, 'live')] },
    [1, 0, 0],
  ],
  [
    'a follower within what it may be behind',
    { voidings: [revoked], uses: [use(1110, 'live', { staleMs: 1000 })] },
    [0, 0, 0],
  ],
  [
    'a follower beyond that',
    { voidings: [revoked], uses: [use(1111, 'live', { staleMs: 1000 })] },
    [1, 0, 0],
  ],
  ['death by an act', { voidings: [revoked], uses: [use(96, 'dead')] }, [0, 0, 0]],
  ['death before the act', { voidings: [revoked], uses: [use(90, 'dead')] }, [0, 1, 0]],
  ['death without one', { uses: [use(90, 'dead')] }, [0, 1, 0]],
  ['death by an act of no answer', { voidings: [silent], uses: [use(999, 'dead')] }, [0, 0, 0]],
  ['a refusal soon after healing', { uses: [use(995, 'refused')] }, [0, 0, 0]],
  ['a refusal late after healing', { uses: [use(996, 'refused')] }, [0, 0, 1]],
  [
    'a refusal while something is wrong',
    { uses: [use(1500, 'refused')], healthy: [broken] },
    [0, 0, 0],
  ],
  [
    'a refusal that began while something was wrong',
    { uses: [use(1999, 'refused', { endedAtMs: 3500 })], healthy: [broken] },
    [0, 0, 0],
  ],
  [
    'a refusal that ends when something is wrong again',
    { uses: [use(3500, 'refused', { endedAtMs: 6000 })], healthy: [broken] },
    [0, 0, 0],
  ],
  [
    'a refusal of another node',
    { uses: [use(3500, 'refused', { at: 'other' })], healthy: [broken] },
    [0, 0, 0],
  ],
  ['a refusal of a void token', { voidings: [revoked], uses: [use(5000, 'refused')] }, [0, 0, 0]],
]

describe('a history', () => {
  for (const [what, history, expected] of histories) {
    test(`of ${what} ${expected.some((count) => count > 0) ? 'is rejected' : 'is good'}`, () => {
      assert.deepEqual(judged(history), expected)
    })
  }
})

describe('what is left', () => {
  const at = { startedAtMs: 0, endedAtMs: 1 }
  const made: readonly Made[] = [
    { kind: 'identity', name: 'i', ...at },
    { kind: 'token', name: 't', ...at },
  ]
  const deleted = { ...revoked, cause: 'delete', deletes: 'i' }
  const perhaps = { ...deleted, outcome: 'unknown' as const }
  const all = { identities: new Set(['i']), tokens: new Set(['t']) }
  const none = { identities: new Set<string>(), tokens: new Set<string>() }
  const cases = [
    ['everything', [], all, 0],
    ['nothing of two', [], none, 2],
    ['no token', [], { ...all, tokens: none.tokens }, 1],
    ['no identity', [], { ...all, identities: none.identities }, 1],
    ['no token that is void', [revoked], { ...all, tokens: none.tokens }, 0],
    ['nothing after a deletion', [deleted], none, 0],
    ['what was deleted', [deleted], all, 1],
    ['nothing, after a deletion that nobody answered', [perhaps], none, 0],
    ['everything, after a deletion that nobody answered', [perhaps], all, 0],
  ] as const
  for (const [what, voidings, left, count] of cases) {
    test(`${count === 0 ? 'may be' : 'may not be'} ${what}`, () => {
      assert.equal(lostOf({ made, voidings }, left).length, count)
    })
  }
})
