import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { limits } from '@parley/protocol'
import fc from 'fast-check'
import {
  announcedForMs,
  formerForMs,
  type ScheduledKey,
  type ScheduleTerms,
  stateOf,
  stepsDue,
} from './signing-key-schedule.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const noonMs = 1_800_000_000_000
const signsForMs = 90 * dayMs
const terms: ScheduleTerms = { algorithm: 'ES256', nowMs: noonMs, signsForMs }
const nothing = { announceForMs: undefined, replaced: [], retired: [] }

function key(kid: string, signsFromMs: number, more: Partial<ScheduledKey> = {}): ScheduledKey {
  const times = { createdAtMs: signsFromMs, signsFromMs }
  return {
    kid,
    algorithm: 'ES256',
    ...times,
    replacedAtMs: undefined,
    retiredAtMs: undefined,
    ...more,
  }
}

describe('the schedule of signing keys', () => {
  test('asks for a key at once where there is none of the algorithm', () => {
    assert.deepEqual(stepsDue([], terms), { ...nothing, signer: undefined })
    const other = key('rsa', noonMs - dayMs, { algorithm: 'RS256' })
    const steps = stepsDue([other], terms)
    assert.deepEqual(steps, { ...nothing, signer: undefined, replaced: ['rsa'] })
  })

  test('lets a key that was made to sign at once sign, also by a clock that is behind', () => {
    const signer = key('a', noonMs + 90_000)
    const announced = key('b', noonMs + dayMs, { createdAtMs: noonMs })
    assert.deepEqual(stepsDue([announced, signer], terms), { ...nothing, signer })
  })

  const ages = [
    [89 * dayMs - 1, undefined],
    [89 * dayMs, noonMs + dayMs],
    [400 * dayMs, noonMs + dayMs],
  ] as const
  for (const [ageMs, announceForMs] of ages) {
    const what = announceForMs === undefined ? 'leaves a key alone' : 'announces its successor'
    test(`${what} after ${ageMs / dayMs} of 90 days`, () => {
      const signer = key('a', noonMs - ageMs)
      assert.deepEqual(stepsDue([signer], terms), { ...nothing, signer, announceForMs })
    })
  }

  test('announces one key and no second', () => {
    const signer = key('a', noonMs - signsForMs)
    const announced = key('b', noonMs + 1, { createdAtMs: noonMs - dayMs })
    for (const isWished of [false, true]) {
      const steps = stepsDue([announced, signer], { ...terms, isWished })
      assert.deepEqual(steps, { ...nothing, signer })
    }
  })

  test('announces none by itself where keys are rotated by hand, and one when it is wished', () => {
    const signer = key('a', noonMs - 1000 * dayMs)
    const byHand = { ...terms, signsForMs: undefined }
    assert.deepEqual(stepsDue([signer], byHand), { ...nothing, signer })
    const wished = stepsDue([signer], { ...byHand, isWished: true })
    assert.deepEqual(wished, { ...nothing, signer, announceForMs: noonMs + dayMs })
  })

  test('lets an announced key take over at its instant and not before', () => {
    const signer = key('a', noonMs - signsForMs)
    const next = key('b', noonMs, { createdAtMs: noonMs - dayMs })
    assert.equal(stepsDue([next, signer], { ...terms, nowMs: noonMs - 1 }).signer, signer)
    const steps = stepsDue([next, signer], terms)
    assert.deepEqual(steps, { ...nothing, signer: next, replaced: ['a'] })
  })

  test('publishes a key an hour longer than the last token that it signed lives', () => {
    assert.equal(formerForMs, limits.lifetimeMinutesMax * 60_000 + hourMs)
    const signer = key('b', noonMs)
    const former = key('a', noonMs - signsForMs, { replacedAtMs: noonMs })
    const at = (nowMs: number) => stepsDue([signer, former], { ...terms, nowMs })
    assert.deepEqual(at(noonMs + formerForMs - 1), { ...nothing, signer })
    assert.deepEqual(at(noonMs + formerForMs), { ...nothing, signer, retired: ['a'] })
  })

  test('goes on with the former key of an algorithm that is set again', () => {
    const former = key('a', noonMs - 2 * dayMs, { replacedAtMs: noonMs - hourMs })
    const other = key('rsa', noonMs - hourMs, { algorithm: 'RS256' })
    const steps = stepsDue([other, former], terms)
    assert.deepEqual(steps, { ...nothing, signer: former, replaced: ['rsa'] })
  })

  test('never counts on a key that was retired', () => {
    const retired = key('a', noonMs - dayMs, { replacedAtMs: noonMs, retiredAtMs: noonMs })
    assert.deepEqual(stepsDue([retired], terms), { ...nothing, signer: undefined })
  })

  test('tells the states of keys apart', () => {
    const states = [
      key('a', noonMs + 1),
      key('b', noonMs - 1),
      key('c', noonMs - 2, { replacedAtMs: noonMs }),
      key('d', noonMs - 3, { replacedAtMs: noonMs, retiredAtMs: noonMs }),
    ].map((one) => stateOf(one, 'b'))
    assert.deepEqual(states, ['announced', 'signing', 'former', 'retired'])
  })

  test('knows every key a day before it signs and until its last token is over, for years', () => {
    const rounds = fc.array(fc.integer({ min: 1, max: 40 * dayMs }), { maxLength: 120 })
    const days = fc.integer({ min: 1, max: 90 })
    fc.assert(
      fc.property(rounds, days, (pausesMs, signsForDays) => {
        let keys: ScheduledKey[] = [key('0', noonMs)]
        let nowMs = noonMs
        let signer = '0'
        for (const pauseMs of pausesMs) {
          nowMs += pauseMs
          const formerMs = nowMs
          const steps = stepsDue(keys, { ...terms, nowMs, signsForMs: signsForDays * dayMs })
          assert.ok(steps.signer !== undefined)
          if (steps.signer.kid !== signer) {
            assert.ok(nowMs - steps.signer.createdAtMs >= announcedForMs)
            assert.ok(steps.replaced.includes(signer))
            signer = steps.signer.kid
          }
          assert.ok(!steps.retired.includes(signer))
          keys = keys.map((one): ScheduledKey => {
            if (steps.retired.includes(one.kid)) {
              assert.ok(nowMs >= (one.replacedAtMs ?? nowMs) + formerForMs)
              return { ...one, retiredAtMs: nowMs }
            }
            return steps.replaced.includes(one.kid) ? { ...one, replacedAtMs: formerMs } : one
          })
          const { announceForMs } = steps
          if (announceForMs !== undefined) {
            keys.unshift(key(String(keys.length), announceForMs, { createdAtMs: nowMs }))
          }
          assert.ok(keys.filter((one) => one.retiredAtMs === undefined).length <= 4)
          assert.deepEqual(stepsDue(keys, { ...terms, nowMs, signsForMs: signsForDays * dayMs }), {
            ...nothing,
            signer: keys.find(({ kid }) => kid === signer),
          })
        }
      }),
    )
  })
})
