import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { theWorld } from '../world.ts'

const { createTenant } = await theWorld()

describe('creating an identity', () => {
  test('with an empty body gives an opaque name and no token', async () => {
    const tenant = await createTenant()
    const { status, body } = await tenant.call({
      method: 'POST',
      path: '/identities?api-version=2023-10-01',
      headers: { 'content-type': 'application/json' },
    })
    assert.equal(status, 201)
    assert.match(body.identity.id, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/)
    assert.deepEqual(Object.keys(body), ['identity'])
  })
})
