import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBrokerFollowers } from './followers.ts'

const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'

function stage() {
  const state = { nowMs: 100, seq: 9 as number | undefined, isCurrent: true, isResource: true }
  const followers = createBrokerFollowers({
    nodeName: 'n',
    logName: () => 'l',
    chain: { seq: () => state.seq, headOf: () => 7 },
    isCurrent: () => state.isCurrent,
    isResource: () => state.isResource,
    monotonicNow: () => state.nowMs,
  })
  const beats = () => followers.beat().map(({ text }) => JSON.parse(text) as object)
  return { state, followers, beats }
}

describe('heartbeats over a broker', () => {
  test('come after a call, which is answered with the clock', () => {
    const { state, followers, beats } = stage()
    assert.deepEqual(beats(), [])
    const answer = followers.call(resourceId, '1') ?? ''
    assert.deepEqual(JSON.parse(answer), { call: '1', node: 'n', atMs: 100 })
    state.nowMs = 600
    assert.deepEqual(beats(), [{ node: 'n', log: 'l', seq: 9, after: 7, atMs: 600 }])
  })

  test('end ten seconds after the last call', () => {
    const { state, followers, beats } = stage()
    followers.call(resourceId, '1')
    state.nowMs = 10_100
    assert.equal(beats().length, 1)
    state.nowMs = 10_101
    assert.equal(beats().length, 0)
  })

  test('are not told by a node without a lease, or that does not know what it missed', () => {
    const { state, followers, beats } = stage()
    followers.call(resourceId, '1')
    state.isCurrent = false
    assert.deepEqual(beats(), [])
    Object.assign(state, { isCurrent: true, seq: undefined })
    assert.deepEqual(beats(), [])
    state.seq = 10
    assert.equal(beats().length, 1)
  })

  test('are not told of a resource of others, or one that is deleted', () => {
    const { state, followers, beats } = stage()
    followers.call(resourceId, '1')
    state.isResource = false
    assert.deepEqual(beats(), [])
    assert.equal(followers.call(resourceId, '2'), undefined)
  })
})
