import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AskedStepDown,
  type StepDownAim,
  stepDownAimOf,
  stepDownsOf,
} from './step-down-model.ts'

const [resourceId, elsewhere, identityId, otherId] = [1, 2, 3, 4].map(
  (last) => `0199a6b2-7c00-7000-8000-00000000000${last}`,
) as [string, string, string, string]
const identity = `8:acs:${resourceId}_${identityId}`
const stranger = `8:acs:${elsewhere}_${identityId}`
const every = ['chat', 'voip', 'chat.join', 'chat.join.limited', 'voip.join']

const invalid: StepDownAim = { kind: 'nothing', status: 'invalid' }
const unknown: StepDownAim = { kind: 'nothing', status: 'unknown' }
const taking = (takenMask: number): StepDownAim => ({ kind: 'identity', identityId, takenMask })

describe('a target of a step-down', () => {
  const cases: readonly (readonly [AskedStepDown, StepDownAim])[] = [
    [{ identity, scopes: ['chat'] }, taking(0b11110)],
    [{ identity, scopes: ['voip.join'] }, taking(0b01111)],
    [{ identity, scopes: ['voip', 'chat', 'chat'] }, taking(0b11100)],
    [{ identity, scopes: every }, taking(0)],
    [{ identity: stranger, scopes: ['chat'] }, unknown],
    [{ identity: stranger, scopes: ['admin'] }, invalid],
    [{ identity, scopes: [] }, invalid],
    [{ identity, scopes: null }, invalid],
    [{ identity }, invalid],
    [{ identity, scopes: ['chat', 'admin'] }, invalid],
    [{ identity, scopes: ['Chat'] }, invalid],
    [{ identity: 'ann', scopes: ['chat'] }, invalid],
    [{ identity: null, scopes: ['chat'] }, invalid],
    [{ scopes: ['chat'] }, invalid],
    [{}, invalid],
  ]
  for (const [target, aim] of cases) {
    test(`${JSON.stringify(target)} is ${JSON.stringify(aim)}`, () => {
      assert.deepEqual(stepDownAimOf(target, resourceId), aim)
    })
  }
})

test('targets that mean one identity take together what each takes', () => {
  const other: StepDownAim = { kind: 'identity', identityId: otherId, takenMask: 0 }
  assert.deepEqual(stepDownsOf([taking(1), other, invalid, taking(4), unknown, taking(1)]), [
    { identityId, takenMask: 5 },
  ])
})
