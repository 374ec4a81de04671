import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gatherEngines } from './engines.ts'
import type { MediaEngine } from './media-engine.ts'
import { createMesh } from './mesh.ts'

const mesh = createMesh()
const large: MediaEngine = { ...mesh, name: 'janus', hasPhones: true, legsMax: () => 16 }

describe('the engine of a call', () => {
  const pair = { isGroup: false, isToPhone: false }

  test('is the mesh where there is no other', () => {
    const engines = gatherEngines([mesh])
    for (const isGroup of [false, true]) {
      assert.equal(engines.choose({ ...pair, isGroup }).name, 'mesh')
    }
  })

  test('is the mesh for two, and the one with the most room for a group', () => {
    const engines = gatherEngines([mesh, large])
    assert.equal(engines.choose(pair).name, 'mesh')
    assert.equal(engines.choose({ ...pair, isGroup: true }).name, 'janus')
  })

  test('is the one with a line where a phone is called', async () => {
    assert.equal(gatherEngines([mesh, large]).choose({ ...pair, isToPhone: true }).name, 'janus')
    const none = gatherEngines([mesh]).choose({ ...pair, isToPhone: true })
    assert.deepEqual([none.hasPhones, none.legsMax('audio')], [false, 0])
  })

  test('is found by its name, on any node', async () => {
    const engines = gatherEngines([mesh, large])
    assert.equal(engines.of({ engine: 'janus' }), large)
    const absent = engines.of({ engine: 'livekit' })
    const opened = await absent.open({ resourceId: 'r', callId: 'c', media: 'audio' })
    assert.equal(!opened.ok && opened.fault.kind, 'unreachable')
    assert.deepEqual(await absent.reconcile(), [])
  })

  test('is replaced by another one with room for all, if there is one', () => {
    const engines = gatherEngines([mesh, large])
    const call = { engine: 'janus', media: 'video' } as const
    assert.equal(engines.instead(call, 4)?.name, 'mesh')
    assert.equal(engines.instead(call, 5), undefined)
    assert.equal(engines.instead({ ...call, engine: 'mesh' }, 5)?.name, 'janus')
  })
})
