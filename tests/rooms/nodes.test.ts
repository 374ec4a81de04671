import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createIdentity, issueToken, liveness, postIdentity, postRevoke } from '../calls.ts'
import { newDataDir, send, startWorld } from '../world.ts'

const world = await startWorld(newDataDir())

/** What the management port answers. */
async function readiness(): Promise<number> {
  const origin = `http://127.0.0.1:${world.parley.managementPort}`
  return (await send(origin, { method: 'GET', path: '/readyz' })).status
}

const introspect = { method: 'POST', path: '/introspect', body: { tokens: ['x'] } }
const keys = { method: 'GET', path: '/.well-known/jwks.json' }

describe('a server that may have missed something', () => {
  test('refuses whoever it would know from memory, and goes on when it has caught up', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const [first, second] = [await issueToken(tenant, id), await issueToken(tenant, id)]
    assert.equal(await readiness(), 200)
    const { wake } = world.sleep()
    const answers = await Promise.all([tenant.call(introspect), postIdentity(tenant)])
    for (const { status, headers, body } of answers) {
      assert.deepEqual(
        [status, headers['retry-after'], body.error.code],
        [503, '1', 'ServiceUnavailable'],
      )
    }
    assert.equal(await readiness(), 503)
    assert.equal((await send(world.origin, keys)).status, 200)
    wake()
    assert.deepEqual(await liveness(tenant, [first, second]), [true, true])
    assert.equal(await readiness(), 200)
    assert.equal((await postRevoke(tenant, id)).status, 204)
    assert.deepEqual(await liveness(tenant, [first, second]), [false, false])
  })

  test('keeps a request waiting for a moment rather than refuse it', async () => {
    const tenant = await world.createTenant()
    const { wake } = world.sleep()
    const asked = tenant.call(introspect)
    await send(world.origin, keys)
    wake()
    assert.equal((await asked).status, 200)
  })
})
