import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  atOnce,
  claimsOf,
  createIdentity,
  deleteIdentity,
  issueToken,
  liveness,
  notOwned,
  postIdentity,
  postRevoke,
  postToken,
  told,
} from '../calls.ts'
import { type Tenant, theWorld } from '../world.ts'

const { createTenant, db } = await theWorld()

/** What one resource holds before the load, and what it must hold after it. */
interface Stock {
  readonly tenant: Tenant
  /** Nobody revokes or deletes these, and each has a live token. */
  readonly kept: readonly Holding[]
  readonly revoked: readonly Holding[]
  readonly deleted: readonly Holding[]
}

interface Holding {
  readonly id: string
  readonly token: string
}

async function newStock(): Promise<Stock> {
  const tenant = await createTenant()
  const held = await atOnce(60, async () => {
    const id = await createIdentity(tenant)
    return { id, token: await issueToken(tenant, id) }
  })
  const kept = held.slice(0, 20)
  return { tenant, kept, revoked: held.slice(20, 40), deleted: held.slice(40) }
}

/** A hundred calls of one resource, all at once: tokens of new and old identities, and ends. */
async function loadOn({ tenant, kept, revoked, deleted }: Stock) {
  const asked = { createTokenWithScopes: ['voip'] }
  const [created, issued, revocations, deletions, strays] = await Promise.all([
    atOnce(20, () => postIdentity(tenant, asked)),
    Promise.all(kept.map(({ id }) => postToken(tenant, id))),
    Promise.all(revoked.map(({ id }) => postRevoke(tenant, id))),
    Promise.all(deleted.map(({ id }) => deleteIdentity(tenant, id))),
    Promise.all(deleted.map(({ id }) => postToken(tenant, id))),
  ])
  return { created, issued, revocations, deletions, strays }
}

describe('500 calls of five resources at once', () => {
  test('are answered as if each had come alone', async () => {
    const stocks = await atOnce(5, newStock)
    const loads = await Promise.all(stocks.map(loadOn))
    for (const [index, load] of loads.entries()) {
      const { tenant, kept, revoked, deleted } = stocks[index] as Stock
      const { created, issued, revocations, deletions, strays } = load
      assert.deepEqual(new Set(created.map(({ status }) => status)), new Set([201]))
      assert.deepEqual(new Set(issued.map(({ status }) => status)), new Set([200]))
      for (const { status } of [...revocations, ...deletions]) assert.equal(status, 204)
      for (const stray of strays) if (stray.status !== 200) assert.deepEqual(told(stray), notOwned)

      // Each caller got the token of the identity that it named, of its own resource.
      const subjects = issued.map(({ body }) => claimsOf(body.token).sub)
      assert.deepEqual(
        subjects,
        kept.map(({ id }) => id),
      )
      for (const { body } of created) {
        assert.equal(claimsOf(body.accessToken.token).sub, body.identity.id)
        assert.equal(body.identity.id.slice(6, 42), tenant.resourceId)
      }

      const live = [
        ...kept.map(({ token }) => token),
        ...issued.map(({ body }) => body.token),
        ...created.map(({ body }) => body.accessToken.token),
      ]
      const dead = [
        ...revoked.map(({ token }) => token),
        ...deleted.map(({ token }) => token),
        ...strays.flatMap(({ status, body }) => (status === 200 ? [body.token] : [])),
      ]
      const expected = [...live.map(() => true), ...dead.map(() => false)]
      assert.deepEqual(await liveness(tenant, [...live, ...dead]), expected)
      await assertRows(tenant, { identities: 60, tokens: 20 + 20 + 20 + 20 })
    }
  })

  async function assertRows(
    { resourceId }: Tenant,
    expected: { readonly identities: number; readonly tokens: number },
  ): Promise<void> {
    const identities = await db`select from identity where resource_id = ${resourceId}`
    const tokens = await db`select from access_token where resource_id = ${resourceId}`
    assert.deepEqual({ identities: identities.length, tokens: tokens.length }, expected)
  }
})
