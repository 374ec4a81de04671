/**
 * Who can still get in: what the list of live tokens has, and what introspection says of them.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { recordTokens } from '@parley/server/tokens/store'
import {
  claimsOf,
  createIdentity,
  deleteIdentity,
  identityPath,
  issueToken,
  notOwned,
  postRevoke,
  told,
  version,
} from '../calls.ts'
import { createResource, newPlace, regenerateKey } from '../control-plane.ts'
import { type Answer, newDataDir, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world

/** A token in the list. */
interface Listed {
  readonly jti: string
  readonly identity: string
  readonly scopes: readonly string[]
  readonly issuedOn: string
  readonly expiresOn: string
  readonly accessKey?: string
  readonly device?: string
}

interface Page {
  readonly value: readonly Listed[]
  readonly nextLink?: string
}

const get = (tenant: Tenant, path: string): Promise<Answer> => tenant.call({ method: 'GET', path })

async function page(tenant: Tenant, path: string): Promise<Page> {
  const { status, body } = await get(tenant, path)
  assert.equal(status, 200)
  return body as unknown as Page
}

const tokensOf = (identity: string) => `/parley/identities/${identity}/tokens`

/** Follows the links of a list; the pages, by the jti of their tokens. */
async function pages(tenant: Tenant, path: string): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const { value, nextLink } = await page(tenant, next)
    found.push(value.map(({ jti }) => jti))
    if (nextLink === undefined) return found
    const { origin, pathname, search } = new URL(nextLink)
    assert.equal(origin, `https://${tenant.name}.parley.test`)
    next = pathname + search
  }
  return found
}

async function liveIds(tenant: Tenant, path = '/parley/tokens'): Promise<readonly string[]> {
  return (await pages(tenant, path)).flat()
}

const idOf = (token: string) => claimsOf(token).jti

function ask(tenant: Tenant, identity: string, headers: Readonly<Record<string, string>>) {
  const path = identityPath(identity, '/:issueAccessToken')
  return tenant.call({ method: 'POST', path, body: { scopes: ['voip', 'chat'] }, headers })
}

describe('the list of live tokens', () => {
  test('tells of each token what the application knows it by', async () => {
    const tenant = await createTenant()
    const identity = await createIdentity(tenant)
    const device = `Ada's "phone", {C:\\} 12,null`
    const { status, body } = await ask(tenant, identity, { 'x-parley-device': device })
    assert.equal(status, 200)
    const { jti, iat, exp } = claimsOf(body.token)
    const instant = (seconds: number) =>
      `${new Date(seconds * 1000).toISOString().slice(0, -1)}0000+00:00`
    const answer = await get(tenant, tokensOf(identity))
    const token = {
      jti,
      identity,
      scopes: ['chat', 'voip'],
      issuedOn: instant(iat),
      expiresOn: instant(exp),
      accessKey: 'primary.1',
      device,
    }
    assert.deepEqual(told(answer), { status: 200, body: { value: [token] } })
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.deepEqual(told(await get(tenant, '/parley/tokens')), told(answer))
  })

  test('knows the device of a token that came with its identity, or of none', async () => {
    const tenant = await createTenant()
    const created = await tenant.call({
      method: 'POST',
      path: `/identities?api-version=${version}`,
      body: { createTokenWithScopes: ['chat'] },
      headers: { 'x-parley-device': 'tablet' },
    })
    const { id } = created.body.identity
    await issueToken(tenant, id)
    const { value } = await page(tenant, tokensOf(id))
    assert.deepEqual(
      value.map((token) => ['device' in token, token.device]),
      [
        [true, 'tablet'],
        [false, undefined],
      ],
    )
  })

  for (const device of ['x'.repeat(65), 'caf\u00e9', 'tab\there', '']) {
    const what = device === '' ? 'an empty one' : JSON.stringify(device.slice(0, 9))
    test(`is given no device of other than 1 to 64 printable characters: ${what}`, async () => {
      const tenant = await createTenant()
      const identity = await createIdentity(tenant)
      // An empty text would leave the header out; blanks around a value are not part of it.
      const { status, body } = await ask(tenant, identity, { 'x-parley-device': device || '  ' })
      const { code, target } = body.error
      assert.deepEqual([status, code, target], [400, 'InvalidHeader', 'x-parley-device'])
      assert.deepEqual(await liveIds(tenant), [])
    })
  }

  test('goes page by page in the order of issue, and misses and repeats none', async () => {
    const tenant = await createTenant()
    const [one, two] = [await createIdentity(tenant), await createIdentity(tenant)]
    const issued: string[] = []
    for (const id of [one, two, one, two, one]) issued.push(idOf(await issueToken(tenant, id)))
    const [a, b, c, d, e] = issued
    assert.deepEqual(await pages(tenant, '/parley/tokens?maxPageSize=2'), [[a, b], [c, d], [e]])
    const ofOne = `${tokensOf(one)}?maxPageSize=2`
    assert.deepEqual(await pages(tenant, ofOne), [[a, c], [e]])
    assert.deepEqual(await pages(tenant, `${tokensOf(two)}?maxPageSize=2`), [[b, d]])
  })

  const wrong = ['maxPageSize=0', 'maxPageSize=1001', 'maxPageSize=x', 'after=x', 'after=1&after=2']
  for (const query of wrong) {
    test(`refuses ${query}`, async () => {
      const tenant = await createTenant()
      const { status, body } = await get(tenant, `/parley/tokens?${query}`)
      assert.deepEqual([status, body.error.code], [400, 'InvalidQueryParameter'])
    })
  }

  test('has nothing of another resource, and no identity of one', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const foreign = await createIdentity(neighbour)
    const token = await issueToken(neighbour, foreign)
    assert.deepEqual(await liveIds(tenant), [])
    for (const identity of [foreign, `8:acs:${tenant.resourceId}_${foreign.slice(43)}`, 'x']) {
      assert.deepEqual(told(await get(tenant, tokensOf(identity))), notOwned)
    }
    assert.deepEqual(await liveIds(neighbour), [idOf(token)])
    const mine = await createIdentity(tenant)
    assert.deepEqual(await liveIds(tenant, tokensOf(mine)), [])
  })

  test('is for the owner alone', async () => {
    const tenant = await createTenant()
    const refused = await tenant.call({
      method: 'GET',
      path: '/parley/tokens',
      headers: { authorization: '' },
    })
    assert.equal(refused.status, 401)
  })
})

describe('a token leaves the list of live tokens', () => {
  test('when its identity is revoked or deleted, the same second or not', async (t) => {
    const tenant = await createTenant()
    world.stopClock(t, Date.now())
    const [revoked, deleted] = [await createIdentity(tenant), await createIdentity(tenant)]
    await issueToken(tenant, revoked)
    await issueToken(tenant, deleted)
    await postRevoke(tenant, revoked)
    const later = await issueToken(tenant, revoked)
    await deleteIdentity(tenant, deleted)
    assert.deepEqual(await liveIds(tenant), [idOf(later)])
    assert.deepEqual(await liveIds(tenant, tokensOf(revoked)), [idOf(later)])
    assert.deepEqual(told(await get(tenant, tokensOf(deleted))), notOwned)
  })

  test('when it expires', async (t) => {
    const tenant = await createTenant()
    const atMs = Math.floor(Date.now() / 1000) * 1000
    world.stopClock(t, atMs)
    const token = await issueToken(tenant, await createIdentity(tenant))
    const lifetimeMs = 24 * 60 * 60_000
    world.stopClock(t, atMs + lifetimeMs - 1)
    assert.deepEqual(await liveIds(tenant), [idOf(token)])
    world.stopClock(t, atMs + lifetimeMs)
    assert.deepEqual(await liveIds(tenant), [])
  })

  test('when its access key is regenerated; with an overlap, when that is over', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { secondaryKey } = tenant
    const bySecondary: Tenant = {
      ...tenant,
      call: (request) => tenant.call({ ...request, accessKey: secondaryKey }),
    }
    const identity = await createIdentity(tenant)
    const primary = idOf(await issueToken(tenant, identity))
    const secondary = idOf(await issueToken(bySecondary, identity))
    const regenerated = { keyType: 'Primary', overlapMinutes: 10 }
    await regenerateKey(world, place, regenerated)
    assert.deepEqual(await liveIds(bySecondary), [primary, secondary])
    await regenerateKey(world, place, { keyType: 'Primary' })
    assert.deepEqual(await liveIds(bySecondary), [secondary])
    const [listed] = (await page(bySecondary, tokensOf(identity))).value
    assert.equal(listed?.accessKey, 'secondary.1')
  })
})

describe('a long ledger', () => {
  /** Lines of 2,500 tokens; all but the last are of a former generation. */
  async function bulk(from: World, tenant: Tenant) {
    const identity = await createIdentity(tenant)
    const identityId = identity.slice(43)
    const lines = Array.from({ length: 2500 }, (_, index) => ({
      identityId,
      tokenId: `0199a6b2-7c00-7000-8000-${index.toString(16).padStart(12, '0')}`,
      scopeMask: 1,
      accessKey: undefined,
      issuedAtSeconds: Math.floor(from.now() / 1000),
      expiresAtSeconds: Math.floor(from.now() / 1000) + 3600,
    }))
    await recordTokens(from.db, tenant.resourceId, { lines, nowMs: from.now() })
    return { identity, lines }
  }

  test('is followed over pages without a live token', async () => {
    const tenant = await createTenant()
    const { identity } = await bulk(world, tenant)
    assert.equal((await liveIds(tenant, '/parley/tokens?maxPageSize=1000')).length, 2500)
    await postRevoke(tenant, identity)
    const token = await issueToken(tenant, identity)
    assert.deepEqual(await pages(tenant, '/parley/tokens'), [[], [idOf(token)]])
    assert.deepEqual(await pages(tenant, tokensOf(identity)), [[], [idOf(token)]])
  })

  test('has lines of the version before, without a generation, which count as live', async () => {
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const identity = await createIdentity(tenant)
    const token = await issueToken(tenant, identity)
    await own.db`update access_token set identity_generation = null`
    assert.deepEqual(
      (await page(tenant, '/parley/tokens')).value.map(({ jti }) => jti),
      [idOf(token)],
    )
    await own.stop()
  })

  test('is read by an index, whoever is asked about', async () => {
    for (const confined of ['', `and identity_id = '0199a6b2-7c00-7000-8000-000000000001'`]) {
      const plan = await db.begin(async (sql) => {
        // What the planner does with a large table; this one is small.
        await sql`set local enable_seqscan = off`
        await sql`set local enable_bitmapscan = off`
        return sql.unsafe<Readonly<Record<string, string>>[]>(`
          explain
          select jti from access_token
          where resource_id = '0199a6b2-7c00-7000-8000-000000000000' ${confined}
          and expires_at > now()
          order by jti
          limit 2000`)
      })
      const text = plan.flatMap((row) => Object.values(row)).join('\n')
      assert.doesNotMatch(text, /Sort \(|-> {2}Sort/)
      assert.match(text, /Merge Append/)
    }
  })
})
