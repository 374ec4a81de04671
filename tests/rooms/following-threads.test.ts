import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createIdentity, issueToken, postRevoke } from '../calls.ts'
import { makeCredential } from '../credentials.ts'
import { newDataDir, startWorld } from '../world.ts'
import type { ThreadData } from './follower-thread.ts'

test('a worker thread of Node knows of a revocation when it was answered', async (t) => {
  const world = await startWorld(newDataDir())
  const tenant = await world.createTenant()
  const { secret } = await makeCredential(tenant, { mayBeWaitedFor: true })
  const issuer = world.parley.endpoint.slice(0, -1)
  const workerData: ThreadData = { endpoint: world.origin, issuer, credential: secret }
  const thread = new Worker(new URL('follower-thread.js', import.meta.url), { workerData })
  t.after(() => thread.terminate())
  assert.deepEqual(await once(thread, 'message'), ['ready'])
  const judge = async (token: string) => {
    thread.postMessage(token)
    const [verdict] = await once(thread, 'message')
    return verdict
  }
  for (let round = 0; round < 5; round++) {
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    const startedAt = performance.now()
    while ((await judge(token)) !== 'ok') assert.ok(performance.now() - startedAt < 10_000)
    await postRevoke(tenant, id)
    assert.notEqual(await judge(token), 'ok')
  }
})
