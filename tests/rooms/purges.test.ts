/**
 * The deletion of a resource and the purge that follows it, through the whole stack.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  createIdentity,
  getIdentity,
  identityPath,
  issueToken,
  liveness,
  notOwned,
  postIdentity,
  postToken,
  told,
} from '../calls.ts'
import { control, createResource, newPlace, type Place, resourcePath } from '../control-plane.ts'
import {
  newDataDir,
  send,
  signed,
  startWorld,
  type Tenant,
  theWorld,
  type World,
} from '../world.ts'

const world = await theWorld()
const denied = {
  status: 401,
  body: { error: { code: 'Denied', message: 'Denied by the resource provider.' } },
}

interface Report {
  readonly resourceId: string
  readonly startedOn: string
  readonly finishedOn?: string
}

/** Every report there is, page by page. */
async function listReports(on: World, path = '/parley/purges'): Promise<readonly Report[]> {
  const { status, body } = await control(on, { method: 'GET', path })
  assert.equal(status, 200)
  const { value, nextLink } = body as unknown as {
    readonly value: readonly Report[]
    readonly nextLink?: string
  }
  if (nextLink === undefined) return value
  const { origin, pathname, search } = new URL(nextLink)
  assert.equal(`${origin}/`, on.parley.endpoint)
  return [...value, ...(await listReports(on, pathname + search))]
}

const lookEveryMs = 5

/** The purge is not asked for and answers nobody: one looks until it says that it is over. */
async function finishedReport(on: World, resourceId: string): Promise<Report> {
  for (;;) {
    const reports = await listReports(on)
    const report = reports.find((one) => one.resourceId === resourceId)
    assert.ok(report !== undefined, 'a deletion has its report at once')
    if (report.finishedOn !== undefined) return report
    await delay(lookEveryMs)
  }
}

async function deleteAt(on: World, place: Place): Promise<void> {
  const { status } = await control(on, { method: 'DELETE', path: resourcePath(place) })
  assert.equal(status, 200)
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$/

describe('a deleted resource', () => {
  test('is purged at once, and its report says how much that was', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const ids = [await createIdentity(tenant), await createIdentity(tenant)] as const
    for (const id of [ids[0], ids[0], ids[1]]) await issueToken(tenant, id)
    await deleteAt(world, place)
    const { startedOn, finishedOn, ...report } = await finishedReport(world, tenant.resourceId)
    assert.deepEqual(report, {
      resourceId: tenant.resourceId,
      subscriptionId: place.subscriptionId,
      resourceGroup: place.group,
      name: place.name,
      identitiesDeleted: 2,
      tokensDeleted: 3,
    })
    assert.match(startedOn, instant)
    assert.match(finishedOn ?? '', instant)
    const { db } = world
    const { resourceId } = tenant
    for (const table of ['resource', 'access_key', 'identity', 'access_token']) {
      const rows = await db`select from ${db(table)} where resource_id = ${resourceId}`
      assert.equal(rows.length, 0, table)
    }
  })

  test('leaves nothing to a new one of the same name', async () => {
    const place = await newPlace(world)
    const former = await createResource(world, place)
    const id = await createIdentity(former)
    const token = await issueToken(former, id)
    const named = await postIdentity(former, { customId: 'ann' }, '2025-03-02-preview')
    await deleteAt(world, place)
    const next = await createResource(world, place)
    assert.notEqual(next.resourceId, former.resourceId)
    assert.equal(next.host, former.host)
    for (const accessKey of [former.primaryKey, former.secondaryKey]) {
      const path = identityPath(id, '/:issueAccessToken')
      const body = { scopes: ['chat'] }
      assert.deepEqual(told(await next.call({ method: 'POST', path, body, accessKey })), denied)
    }
    assert.deepEqual(told(await postToken(next, id)), notOwned)
    assert.deepEqual(told(await getIdentity(next, id)), notOwned)
    assert.deepEqual(await liveness(next, [token]), [false])
    const renamed = await postIdentity(next, { customId: 'ann' }, '2025-03-02-preview')
    assert.notEqual(renamed.body.identity.id, named.body.identity.id)
    await finishedReport(world, former.resourceId)
    assert.equal((await postToken(next, renamed.body.identity.id)).status, 200)
  })

  test('takes its subscription along, once that is deleted as well', async () => {
    const place = await newPlace(world)
    const { subscriptionId } = place
    const [first, second] = [
      await createResource(world, place),
      await createResource(world, { ...place, name: `${place.name}-2` }),
    ]
    const path = `/subscriptions/${subscriptionId}?api-version=2022-12-01`
    assert.ok((await control(world, { method: 'DELETE', path })).status < 300)
    for (const { resourceId } of [first, second]) await finishedReport(world, resourceId)
    const rows = await world.db`
      select from subscription where subscription_id = ${subscriptionId}`
    assert.equal(rows.length, 0)
  })
})

describe('what was authenticated before a deletion', () => {
  // The rows change here and the memory does not: as for a request that was admitted just before.
  const ends = [
    [
      'of its resource',
      ({ db }: World, { resourceId }: Tenant) =>
        db`update resource set deleted_at = now() where resource_id = ${resourceId}`,
    ],
    [
      'or cancellation of its subscription',
      ({ db }: World, { resourceId }: Tenant) => db`
        update subscription set state = 'Disabled'
        where subscription_id = (
          select subscription_id from resource where resource_id = ${resourceId}
        )`,
    ],
  ] as const
  for (const [name, end] of ends) {
    test(`${name} makes nothing after it`, async () => {
      const tenant = await createResource(world, await newPlace(world))
      const id = await createIdentity(tenant)
      await end(world, tenant)
      assert.deepEqual(told(await postToken(tenant, id)), denied)
      assert.deepEqual(told(await postIdentity(tenant)), denied)
      const named = await postIdentity(tenant, { customId: 'x' }, '2025-03-02-preview')
      assert.deepEqual(told(named), denied)
      const { db } = world
      const { resourceId } = tenant
      assert.equal((await db`select from identity where resource_id = ${resourceId}`).length, 1)
      const tokens = await db`select from access_token where resource_id = ${resourceId}`
      assert.equal(tokens.length, 0)
    })
  }
})

describe('the list of purges', () => {
  test('has pages, each report once, the oldest first', async () => {
    const own = await startWorld(newDataDir())
    const deleted: string[] = []
    for (let made = 0; made < 5; made++) {
      const place = await newPlace(own)
      const { resourceId } = await createResource(own, place)
      await deleteAt(own, place)
      deleted.push(resourceId)
    }
    for (const pageSize of [1, 2, 5, 1000]) {
      const reports = await listReports(own, `/parley/purges?maxPageSize=${pageSize}`)
      assert.deepEqual(new Set(reports.map((report) => report.resourceId)), new Set(deleted))
      assert.equal(reports.length, 5)
      const starts = reports.map((report) => report.startedOn)
      assert.deepEqual(starts, starts.toSorted())
    }
    await finishedReport(own, deleted.at(-1) ?? '')
    const metrics = await metricsOf(own)
    assert.match(metrics, /^parley_purge_finished_total [1-5]$/m)
    assert.match(metrics, /^parley_purge_unfinished [0-4]$/m)
    assert.match(metrics, /^parley_purge_worked_seconds_total [0-9.]+$/m)
    await own.stop()
  })

  for (const query of [
    'maxPageSize=0',
    'maxPageSize=1001',
    'maxPageSize=x',
    'after=x',
    'after=1_x',
  ]) {
    test(`refuses ${query}`, async () => {
      const path = `/parley/purges?${query}`
      const { status, body } = await control(world, { method: 'GET', path })
      assert.deepEqual([status, body.error.code], [400, 'InvalidQueryParameter'])
    })
  }

  test('is for administrators and readers alone', async () => {
    const path = '/parley/purges'
    const tenant = await world.createTenant()
    assert.equal((await tenant.call({ method: 'GET', path })).status, 401)
    const headers = { authorization: 'Bearer x' }
    assert.equal((await control(world, { method: 'GET', path, headers })).status, 401)
    const { origin } = world
    const { primaryKey: accessKey } = tenant
    const request = signed(origin, { method: 'GET', path, accessKey }, world.now())
    assert.equal((await send(origin, request)).status, 401)
  })
})

async function metricsOf(on: World): Promise<string> {
  const { managementPort } = on.parley
  return (await send(`http://127.0.0.1:${managementPort}`, { method: 'GET', path: '/metrics' }))
    .text
}
