import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { callAdmin, environmentOf } from '../administrator.ts'
import { createIdentity, issueToken, liveness, postRevoke } from '../calls.ts'
import { newDataDir, send, startWorld } from '../world.ts'

const world = await startWorld(newDataDir(), { PARLEY_CANARY: 'on' })

function ask(path: string) {
  const origin = `http://127.0.0.1:${world.parley.managementPort}`
  return send(origin, { method: 'GET', path })
}

/** A number of `/metrics`. */
async function numberOf(series: string): Promise<number> {
  const { text } = await ask('/metrics')
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  assert.ok(line !== undefined, series)
  return Number(line.slice(series.length + 1))
}

describe('a server with a canary', () => {
  test('is ready once one has fared well', async () => {
    assert.equal((await ask('/readyz')).status, 200)
    assert.ok((await numberOf('parley_canary_passed_total')) >= 1)
    assert.ok((await numberOf('parley_canary_age_seconds')) < 5)
    for (const stage of ['issue', 'accept', 'revoke', 'refuse', 'lease']) {
      assert.equal(await numberOf(`parley_canary_failures_total{stage="${stage}"}`), 0)
    }
  })

  test('is not ready while none can be sent, and is again afterwards', async () => {
    const { wake } = world.sleep()
    assert.equal((await ask('/readyz')).status, 503)
    wake()
    const deadlineAt = performance.now() + 8000
    while ((await ask('/readyz')).status !== 200) assert.ok(performance.now() < deadlineAt)
  })

  test('shows how fast voidings are known', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    const before = await numberOf('parley_revocation_applied_seconds_count')
    assert.equal((await postRevoke(tenant, id)).status, 204)
    assert.ok((await numberOf('parley_revocation_applied_seconds_count')) > before)
    assert.ok((await numberOf('parley_revocation_confirmed_seconds_count')) > 0)
    assert.equal(await numberOf('parley_nodes'), 1)
    assert.deepEqual(await liveness(tenant, [token]), [false])
  })

  test('shows nobody what it lives in', async () => {
    const path = '/subscriptions?api-version=2022-12-01'
    const { body } = await callAdmin(world, { method: 'GET', path })
    const ids = (body.value as readonly object[]).map((one) => Reflect.get(one, 'subscriptionId'))
    assert.deepEqual(ids, [environmentOf(world)['PARLEY_SUBSCRIPTION_ID']])
    const [row] = await world.db<{ readonly count: number }[]>`
      select count(*)::int as count from audit_entry where target like '%canary%'`
    assert.equal(row?.count, 0)
  })

  test('finds everything as it was at its next start', async () => {
    const { dataDir } = world
    await world.stop()
    const restarted = await startWorld(dataDir, { PARLEY_CANARY: 'on' })
    const rows = await restarted.db`
      select from resource join subscription using (subscription_id)
      where subscription.deleted_at is not null`
    assert.equal(rows.length, 1)
    assert.equal(restarted.reachable.resourceName, world.reachable.resourceName)
  })
})
