/**
 * Subscriptions, the lists of the control plane, and what deleting a resource or a subscription
 * leaves.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { subscriptionVersions } from '@parley/server/contract/versions'
import { createIdentity, getIdentity, issueToken, liveness, postIdentity } from '../calls.ts'
import {
  type ControlAnswer,
  control,
  createResource,
  createSubscription,
  newGuid,
  newName,
  newPlace,
  type Place,
  putResource,
  resourcePath,
  subscriptionPath,
} from '../control-plane.ts'
import { newDataDir, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const world = await theWorld()

describe('a subscription', () => {
  test('is created, named, got and listed', async () => {
    const subscriptionId = newGuid()
    const path = subscriptionPath(subscriptionId)
    const created = await control(world, { method: 'PUT', path, body: { displayName: 'One' } })
    const expected = {
      id: `/subscriptions/${subscriptionId}`,
      subscriptionId,
      displayName: 'One',
      state: 'Enabled',
    }
    assert.deepEqual([created.status, created.body], [201, expected])
    const same = await control(world, { method: 'PUT', path, body: {} })
    assert.deepEqual([same.status, same.body], [200, expected])
    const renamed = await control(world, { method: 'PUT', path, body: { displayName: 'Two' } })
    assert.deepEqual(renamed.body.displayName, 'Two')
    const upper = subscriptionPath(subscriptionId.toUpperCase())
    const got = await control(world, { method: 'GET', path: upper })
    assert.deepEqual(got.body, renamed.body)
    const listed = await allOf(world, '/subscriptions?api-version=2022-12-01&$top=1000')
    assert.deepEqual(
      listed.filter((one) => one.subscriptionId === subscriptionId),
      [renamed.body],
    )
  })

  test('is the same in every version', async () => {
    const subscriptionId = await createSubscription(world)
    for (const version of subscriptionVersions) {
      const path = `/subscriptions/${subscriptionId}?api-version=${version}`
      const { status, body } = await control(world, { method: 'GET', path })
      assert.deepEqual([status, body.state], [200, 'Enabled'])
    }
    const path = `/subscriptions/${subscriptionId}?api-version=2025-09-01`
    const { status, body } = await control(world, { method: 'GET', path })
    assert.deepEqual([status, body.error.code], [400, 'InvalidApiVersionParameter'])
  })

  test('is named by its id unless somebody names it', async () => {
    const path = subscriptionPath(newGuid())
    const { status, body } = await control(world, { method: 'PUT', path })
    assert.deepEqual([status, body.displayName], [201, body.subscriptionId])
  })

  test('is named by a GUID, and by no more than 64 characters', async () => {
    const malformed = await control(world, { method: 'PUT', path: subscriptionPath('mine') })
    assert.deepEqual([malformed.status, malformed.body.error.code], [400, 'InvalidSubscriptionId'])
    const path = subscriptionPath(newGuid())
    const body = { displayName: 'x'.repeat(65) }
    assert.equal((await control(world, { method: 'PUT', path, body })).status, 400)
  })

  test('that does not exist is told so, and deleting it answers 204', async () => {
    const path = subscriptionPath(newGuid())
    const got = await control(world, { method: 'GET', path })
    assert.deepEqual([got.status, got.body.error.code], [404, 'SubscriptionNotFound'])
    assert.equal((await control(world, { method: 'DELETE', path })).status, 204)
  })
})

describe('a cancelled subscription', () => {
  const set = async ({ subscriptionId }: Place, action: 'cancel' | 'enable') => {
    const rest = `/providers/Microsoft.Subscription/${action}`
    const path = subscriptionPath(subscriptionId, rest)
    const { status, body } = await control(world, { method: 'POST', path })
    assert.deepEqual([status, body], [200, { subscriptionId }])
  }

  test('lets nobody in to its resources until it is enabled', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const statuses = [(await postIdentity(tenant)).status]
    await set(place, 'cancel')
    statuses.push((await postIdentity(tenant)).status)
    await set(place, 'enable')
    statuses.push((await postIdentity(tenant)).status)
    assert.deepEqual(statuses, [201, 401, 201])
  })

  test('is read and deleted, and nothing else', async () => {
    const place = await newPlace(world)
    await createResource(world, place)
    await set(place, 'cancel')
    const change = (method: string, rest = '', body?: object) =>
      control(world, { method, path: resourcePath(place, rest), ...(body && { body }) })
    const refused: readonly ControlAnswer[] = [
      await putResource(world, place),
      await putResource(world, { ...place, name: newName() }),
      await change('PATCH', '', { tags: {} }),
      await change('POST', '/regenerateKey', { keyType: 'Primary' }),
      await change('POST', '/linkNotificationHub', { resourceId: 'x', connectionString: 'y' }),
      await control(world, { method: 'PUT', path: subscriptionPath(place.subscriptionId) }),
    ]
    for (const { status, body } of refused) {
      assert.deepEqual([status, body.error.code], [409, 'ReadOnlyDisabledSubscription'])
    }
    const { body } = await control(world, {
      method: 'GET',
      path: subscriptionPath(place.subscriptionId),
    })
    assert.equal(body.state, 'Disabled')
    assert.deepEqual(
      [(await change('GET')).status, (await change('POST', '/listKeys')).status],
      [200, 200],
    )
    assert.equal((await change('DELETE')).status, 200)
  })
})

/** Everything of a list, page after page, as the links lead. */
async function allOf(from: World, path: string, headers = {}) {
  const entries: ControlAnswer['body']['value'][number][] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const { status, body } = await control(from, { method: 'GET', path: next, headers })
    assert.equal(status, 200)
    entries.push(...body.value)
    if (body.nextLink === undefined) return entries
    const link = new URL(body.nextLink)
    assert.equal(`${link.origin}/`, from.parley.endpoint)
    next = link.pathname + link.search
  }
  return entries
}

describe('the lists of resources', () => {
  const list = (subscriptionId: string, group = '') =>
    `/subscriptions/${subscriptionId}${group}/providers/Microsoft.Communication/` +
    'communicationServices?api-version=2025-09-01'

  test('have each resource of the place once, in pages', async () => {
    const subscriptionId = await createSubscription(world)
    const names: string[] = []
    for (const group of ['One', 'two', 'ONE', 'One', 'two']) {
      const name = newName()
      names.push(name)
      await putResource(world, { subscriptionId, group, name })
    }
    await createResource(world, await newPlace(world))
    for (const top of ['', '&$top=1', '&$top=2', '&$top=5']) {
      const all = await allOf(world, list(subscriptionId) + top)
      assert.deepEqual(
        all.map(({ name }) => name),
        [...names].sort(),
      )
    }
    const inGroup = await allOf(world, `${list(subscriptionId, '/resourceGroups/one')}&$top=2`)
    const [first = '', , third = '', fourth = ''] = names
    assert.deepEqual(
      inGroup.map(({ name }) => name),
      [first, third, fourth].sort(),
    )
  })

  test('link to the configured endpoint whatever Host says', async () => {
    const subscriptionId = await createSubscription(world)
    for (const name of [newName(), newName()]) {
      await putResource(world, { subscriptionId, group: 'g', name })
    }
    const path = `${list(subscriptionId)}&$top=1`
    assert.equal((await allOf(world, path, { host: 'evil.example' })).length, 2)
  })

  test('refuse a token that is none of theirs', async () => {
    const subscriptionId = await createSubscription(world)
    for (const query of ['&$skipToken=x', '&$top=0', '&$top=1001', '&$top=a']) {
      const path = list(subscriptionId) + query
      const { status, body } = await control(world, { method: 'GET', path })
      assert.deepEqual([status, body.error.code], [400, 'InvalidQueryParameter'])
    }
  })
})

/** A resource in use: an identity, and a token of it. */
async function inUse(place: Place) {
  const tenant = await createResource(world, place)
  const identity = await createIdentity(tenant)
  const token = await issueToken(tenant, identity)
  return { place, tenant, identity, token }
}

/** The cut-offs of a resource; that it was made and changed is told in the same log. */
async function eventsOf(tenant: Tenant) {
  const rows = await world.db<{ kind: string; subject: string; generation: number }[]>`
    select kind, subject, generation from revocation_event
    where resource_id = ${tenant.resourceId}
    and kind <> 'resource-changed'`
  return [...rows]
}

describe('deleting a resource', () => {
  test('ends its keys and tokens by one cut-off, and notes it for the purge', async () => {
    const { place, tenant, token } = await inUse(await newPlace(world))
    await issueToken(tenant, await createIdentity(tenant))
    const bystander = await inUse(await newPlace(world))
    const path = resourcePath(place)
    const deleted = await control(world, { method: 'DELETE', path })
    assert.deepEqual([deleted.status, deleted.body], [200, undefined])
    assert.equal((await postIdentity(tenant)).status, 401)
    assert.equal((await control(world, { method: 'GET', path })).status, 404)
    assert.deepEqual(await eventsOf(tenant), [
      { kind: 'resource', subject: tenant.resourceId, generation: 4294967295 },
    ])
    const [left] = await world.db<{ keys: number; purges: number }[]>`
      select
        (select count(*) from access_key where resource_id = ${tenant.resourceId}) as keys,
        (select count(*) from resource_purge where resource_id = ${tenant.resourceId}) as purges`
    assert.deepEqual(left, { keys: 0, purges: 1 })
    assert.deepEqual(await liveness(bystander.tenant, [token, bystander.token]), [false, true])
  })

  test('leaves the others of its group and of its subscription', async () => {
    const place = await newPlace(world)
    const gone = await inUse(place)
    const sibling = await inUse({ ...place, name: newName() })
    const cousin = await inUse({ ...place, group: 'Other', name: newName() })
    await control(world, { method: 'DELETE', path: resourcePath({ ...place, group: 'Other' }) })
    assert.equal((await postIdentity(gone.tenant)).status, 201)
    await control(world, { method: 'DELETE', path: resourcePath(place) })
    const live = []
    for (const { tenant, token } of [sibling, cousin]) live.push(await liveness(tenant, [token]))
    assert.deepEqual(live, [[true], [true]])
    for (const { place: at } of [sibling, cousin]) {
      assert.equal((await control(world, { method: 'GET', path: resourcePath(at) })).status, 200)
    }
  })

  test('twice answers 204, and so does deleting one that never was', async () => {
    const place = await newPlace(world)
    await putResource(world, place)
    const statuses = []
    for (const one of [place, place, { ...place, name: newName() }]) {
      const { status } = await control(world, { method: 'DELETE', path: resourcePath(one) })
      statuses.push(status)
    }
    assert.deepEqual(statuses, [200, 204, 204])
  })

  test('many times at once deletes once', async () => {
    const place = await newPlace(world)
    await putResource(world, place)
    const request = { method: 'DELETE', path: resourcePath(place) }
    const answers = await Promise.all(Array.from({ length: 6 }, () => control(world, request)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 204, 204, 204, 204, 204])
  })

  test('frees its name for one that has nothing of it', async () => {
    const place = await newPlace(world)
    const former = await inUse(place)
    await control(world, { method: 'DELETE', path: resourcePath(place) })
    const next = await inUse(place)
    assert.notEqual(next.tenant.resourceId, former.tenant.resourceId)
    assert.equal((await postIdentity(former.tenant)).status, 401)
    assert.deepEqual(await liveness(next.tenant, [former.token, next.token]), [false, true])
    assert.equal((await getIdentity(next.tenant, former.identity)).status, 401)
    const tokenForFormer = {
      method: 'POST',
      path: `/identities/${former.identity}/:issueAccessToken?api-version=2023-10-01`,
      body: { scopes: ['chat'] },
    }
    const refused = await next.tenant.call(tokenForFormer)
    assert.deepEqual([refused.status, refused.body.error.code], [401, 'IdentityNotOwned'])
  })
})

describe('deleting a subscription', () => {
  test('deletes all its resources at once, and nobody else’s', async () => {
    const place = await newPlace(world)
    const mine = await inUse(place)
    const other = await inUse({ ...place, group: 'Other', name: newName() })
    const bystander = await inUse(await newPlace(world))
    const path = subscriptionPath(place.subscriptionId)
    assert.equal((await control(world, { method: 'DELETE', path })).status, 200)
    for (const { tenant, place: at } of [mine, other]) {
      assert.equal((await postIdentity(tenant)).status, 401)
      assert.equal((await eventsOf(tenant)).length, 1)
      const got = await control(world, { method: 'GET', path: resourcePath(at) })
      assert.deepEqual([got.status, got.body.error.code], [404, 'SubscriptionNotFound'])
    }
    const tokens = [mine.token, other.token, bystander.token]
    assert.deepEqual(await liveness(bystander.tenant, tokens), [false, false, true])
    const acts = await world.db<{ target: string }[]>`
      select target from audit_entry
      where operation = 'Subscriptions_Delete'
      and target like ${`/subscriptions/${place.subscriptionId}%`}
      order by target`
    const targets = [path, resourcePath(mine.place), resourcePath(other.place)]
    assert.deepEqual(
      acts.map(({ target }) => target),
      targets.map((one) => one.split('?')[0] ?? '').sort(),
    )
    const statuses = []
    for (const method of ['GET', 'DELETE']) {
      statuses.push((await control(world, { method, path })).status)
    }
    assert.deepEqual(statuses, [404, 204])
  })

  test('frees its id for one that has nothing of it', async () => {
    const place = await newPlace(world)
    await inUse(place)
    const path = subscriptionPath(place.subscriptionId)
    await control(world, { method: 'DELETE', path })
    const again = await control(world, { method: 'PUT', path })
    assert.deepEqual([again.status, again.body.state], [201, 'Enabled'])
    assert.equal(again.body.displayName, place.subscriptionId)
    const { status, body } = await control(world, { method: 'GET', path: resourcePath(place) })
    assert.deepEqual([status, body.error.code], [404, 'ResourceNotFound'])
  })
})

describe('a server whose resources are all deleted', () => {
  test('starts again without one, and takes a new one', async () => {
    const dataDir = newDataDir()
    const first = await startWorld(dataDir)
    const { subscriptionId, resourceGroup, resourceName } = first.reachable
    assert.ok(subscriptionId !== undefined)
    const place = { subscriptionId, group: resourceGroup ?? '', name: resourceName ?? '' }
    await control(first, { method: 'DELETE', path: resourcePath(place) })
    await first.stop()
    const second = await startWorld(dataDir)
    const { connectionString, resourceName: none, ...rest } = second.reachable
    assert.deepEqual([connectionString, none], [undefined, undefined])
    assert.equal(rest.subscriptionId, subscriptionId)
    const tenant = await createResource(second, place)
    assert.equal((await postIdentity(tenant)).status, 201)
    const path = subscriptionPath(subscriptionId)
    await control(second, { method: 'DELETE', path })
    await second.stop()
    const third = await startWorld(dataDir)
    assert.equal(third.reachable.subscriptionId, undefined)
    assert.equal((await control(third, { method: 'GET', path })).status, 404)
  })
})
