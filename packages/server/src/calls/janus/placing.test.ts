import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { byPreference } from './placing.ts'

const servers = ['ws://a:8188', 'ws://b:8188', 'ws://c:8188'].map((url) => ({ url }))
const callOf = (place: number) => ({ resourceId: 'r', callId: `call-${place}` })
const bestOf = (all: typeof servers, place: number) => byPreference(all, callOf(place))[0]?.url

describe('the Janus of a call', () => {
  test('is the same in whichever order they are named', () => {
    for (let place = 0; place < 100; place++) {
      assert.equal(bestOf(servers, place), bestOf(servers.toReversed(), place))
    }
  })

  test('is each about as often', () => {
    const counts = new Map<string | undefined, number>()
    for (let place = 0; place < 3000; place++) {
      const best = bestOf(servers, place)
      counts.set(best, (counts.get(best) ?? 0) + 1)
    }
    for (const { url } of servers) {
      const count = counts.get(url) ?? 0
      assert.ok(count > 900 && count < 1100, `${url}: ${count}`)
    }
  })

  test('changes only for the calls of one that goes', () => {
    const [gone, ...left] = servers
    for (let place = 0; place < 300; place++) {
      const before = bestOf(servers, place)
      if (before !== gone?.url) assert.equal(bestOf(left, place), before)
    }
  })
})
