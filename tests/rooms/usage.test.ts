/**
 * What is told of usage, through the whole stack. Usage itself is put in as primitives do it.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { listAuditEntries } from '@parley/server/audit/store'
import { foldAll } from '@parley/server/usage/recurring'
import { countUsage } from '@parley/server/usage/store'
import { createIdentity, issueToken } from '../calls.ts'
import { control, createResource, newPlace, resourcePath } from '../control-plane.ts'
import { type Answer, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const hourMs = Date.parse('2026-03-01T10:00:00Z')
const oneHourMs = 3_600_000
const messages = 'chat-messages-sent'
const seconds = 'call-participant-seconds'

/** So much of a meter, hours after the first. */
async function use(
  tenant: Tenant,
  hour: number,
  quantity: number,
  meter: typeof messages | typeof seconds = messages,
) {
  const atMs = hourMs + hour * oneHourMs + 1234
  await countUsage(world.db, [{ resourceId: tenant.resourceId, meter, atMs, quantity }])
}

interface Hour {
  readonly resourceId: string
  readonly hour: string
  readonly meter: string
  readonly unit: string
  readonly quantity: number
}

interface Page {
  readonly value: readonly Hour[]
  readonly nextLink?: string
}

function pageOf(answer: Pick<Answer, 'status' | 'headers'> & { readonly body: object }): Page {
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['cache-control'], 'no-store')
  return answer.body as unknown as Page
}

function get(tenant: Tenant, query = '', headers = {}): Promise<Answer> {
  return tenant.call({ method: 'GET', path: `/usage${query}`, headers })
}

describe('the usage of a resource', () => {
  test('is told by hour and meter, with its unit', async () => {
    const tenant = await world.createTenant()
    await use(tenant, 0, 2)
    await use(tenant, 0, 3)
    await use(tenant, 1, 7, seconds)
    const { resourceId } = tenant
    const expected = {
      value: [
        {
          resourceId,
          hour: '2026-03-01T10:00:00.0000000+00:00',
          meter: messages,
          unit: 'messages',
          quantity: 5,
        },
        {
          resourceId,
          hour: '2026-03-01T11:00:00.0000000+00:00',
          meter: seconds,
          unit: 'seconds',
          quantity: 7,
        },
      ],
    }
    assert.deepEqual(pageOf(await get(tenant)), expected)
    await foldAll(world.db)
    assert.deepEqual(pageOf(await get(tenant)), expected)
  })

  test('is that of no other, and nothing where nothing was used', async () => {
    const [one, other] = [await world.createTenant(), await world.createTenant()]
    await use(one, 0, 1)
    assert.deepEqual(pageOf(await get(other)), { value: [] })
    const place = `after=0_${messages}_${one.resourceId}`
    assert.deepEqual(pageOf(await get(other, `?${place}`)), { value: [] })
  })

  test('has nothing of identities and tokens', async () => {
    const tenant = await world.createTenant()
    await issueToken(tenant, await createIdentity(tenant))
    assert.deepEqual(pageOf(await get(tenant)), { value: [] })
  })

  test('is asked for by time and meter', async () => {
    const tenant = await world.createTenant()
    for (let hour = 0; hour < 5; hour++) await use(tenant, hour, hour + 1)
    await use(tenant, 2, 60, seconds)
    const quantities = async (query: string) =>
      pageOf(await get(tenant, query)).value.map(({ quantity }) => quantity)
    assert.deepEqual(
      await quantities('?from=2026-03-01T11:00:00Z&to=2026-03-01T13:00Z'),
      [2, 60, 3],
    )
    assert.deepEqual(
      await quantities('?from=2026-03-01T11:00:00.001Z&to=2026-03-02'),
      [60, 3, 4, 5],
    )
    assert.deepEqual(await quantities('?to=2026-03-01T13:00:00%2B02:00'), [1])
    assert.deepEqual(await quantities(`?meter=${seconds}`), [60])
  })

  test('has pages, each hour once, with its filters kept', async () => {
    const tenant = await world.createTenant()
    for (let hour = 0; hour < 5; hour++) await use(tenant, hour, hour + 1)
    const read: number[] = []
    let query: string | undefined = `?maxPageSize=2&from=2026-03-01T11:00:00Z&meter=${messages}`
    while (query !== undefined) {
      const { value, nextLink }: Page = pageOf(await get(tenant, query))
      assert.ok(value.length <= 2)
      read.push(...value.map(({ quantity }) => quantity))
      assert.ok(nextLink === undefined || new URL(nextLink).host.startsWith(tenant.name))
      query = nextLink === undefined ? undefined : new URL(nextLink).search
    }
    assert.deepEqual(read, [2, 3, 4, 5])
  })

  const asCsv = [
    ['by its query', '&format=csv', {}],
    ['by the Accept header', '', { accept: 'text/csv, text/plain;q=0.5' }],
  ] as const
  for (const [how, query, headers] of asCsv) {
    test(`comes as CSV where that is asked for ${how}`, async () => {
      const tenant = await world.createTenant()
      for (let hour = 0; hour < 3; hour++) await use(tenant, hour, hour + 1)
      const answer = await get(tenant, `?maxPageSize=2${query}`, headers)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-type'], 'text/csv; charset=utf-8; header=present')
      const { resourceId } = tenant
      assert.deepEqual(answer.text.split('\r\n'), [
        'resourceId,hour,meter,unit,quantity',
        `${resourceId},2026-03-01T10:00:00.0000000+00:00,${messages},messages,1`,
        `${resourceId},2026-03-01T11:00:00.0000000+00:00,${messages},messages,2`,
        '',
      ])
      const [, next = ''] = /^<(.+)>; rel="next"$/.exec(String(answer.headers['link'])) ?? []
      const rest = await get(tenant, new URL(next).search, headers)
      assert.equal(rest.text.split('\r\n').length, 3)
      assert.equal(rest.headers['link'], undefined)
    })
  }

  test('comes as JSON to who takes both, or says so', async () => {
    const tenant = await world.createTenant()
    const both = { accept: 'text/csv, application/json' }
    pageOf(await get(tenant, '', both))
    pageOf(await get(tenant, '?format=json', { accept: 'text/csv' }))
  })

  for (const query of [
    'from=yesterday',
    'from=2026-13-01',
    'to=2026-03-01T10:00:00',
    'from=2026-03-01&from=2026-03-02',
    'meter=chat',
    'format=xml',
    'maxPageSize=0',
    'maxPageSize=10001',
    'after=x',
    `after=99999999999999999_${messages}_x`,
  ]) {
    test(`refuses ${query}`, async () => {
      const { status, body } = await get(await world.createTenant(), `?${query}`)
      assert.deepEqual([status, body.error.code], [400, 'InvalidQueryParameter'])
      assert.equal(body.error.target, query.split('=')[0])
    })
  }
})

describe('the administrator', () => {
  async function list(query: string): Promise<Page> {
    return pageOf(await control(world, { method: 'GET', path: `/parley/usage?${query}` }))
  }

  test('reads the usage of every resource, and of one', async () => {
    const [one, two] = [await world.createTenant(), await world.createTenant()]
    await use(one, 0, 1)
    await use(two, 0, 2)
    const { value } = await list(`resourceId=${one.resourceId.toUpperCase()}`)
    assert.deepEqual(
      value.map(({ resourceId, quantity }) => [resourceId, quantity]),
      [[one.resourceId, 1]],
    )
    const all: Hour[] = []
    for (let query: string | undefined = 'maxPageSize=2'; query !== undefined; ) {
      const page: Page = await list(query)
      all.push(...page.value)
      query = page.nextLink && new URL(page.nextLink).search.slice(1)
    }
    const ids = all.map(({ resourceId }) => resourceId)
    assert.deepEqual(ids, ids.toSorted())
    assert.ok(ids.includes(one.resourceId) && ids.includes(two.resourceId))
  })

  test('reads that of a deleted one until he says that it is settled', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { resourceId } = tenant
    await use(tenant, 0, 3)
    await foldAll(world.db)
    await use(tenant, 1, 4)
    const path = `/parley/usage/${resourceId}`
    const forget = () => control(world, { method: 'DELETE', path })
    assert.equal((await forget()).status, 404)
    const deleted = await control(world, { method: 'DELETE', path: resourcePath(place) })
    assert.equal(deleted.status, 200)
    const finished = () => world.db`
      select from resource_purge where resource_id = ${resourceId} and finished_at is not null`
    while ((await finished()).count === 0) await new Promise((resolve) => setImmediate(resolve))
    const quantities = async () =>
      (await list(`resourceId=${resourceId}`)).value.map(({ quantity }) => quantity)
    assert.deepEqual(await quantities(), [3, 4])
    assert.equal((await forget()).status, 204)
    assert.deepEqual(await quantities(), [])
    assert.equal((await forget()).status, 404)
    const entries = await listAuditEntries(world.db, { afterSeq: 0, entriesMax: 100, resourceId })
    assert.equal(entries.at(-1)?.operation, 'Parley_ForgetUsage')
    assert.equal(entries.filter(({ operation }) => operation === 'Parley_ForgetUsage').length, 1)
  })

  test('finds no difference where all is well, and no resource where there is none', async () => {
    const { resourceId } = await world.createTenant()
    const path = (id: string) => `/parley/usage/${id}/differences`
    const compared = await control(world, { method: 'GET', path: path(resourceId) })
    assert.deepEqual([compared.status, compared.body], [200, { value: [] }])
    const unknown = path('00000000-0000-4000-8000-000000000000')
    assert.equal((await control(world, { method: 'GET', path: unknown })).status, 404)
  })

  test('alone may ask so', async () => {
    const tenant = await world.createTenant()
    for (const path of ['/parley/usage', `/parley/usage/${tenant.resourceId}/differences`]) {
      assert.equal((await tenant.call({ method: 'GET', path })).status, 401)
    }
    const path = `/parley/usage/${tenant.resourceId}`
    assert.equal((await tenant.call({ method: 'DELETE', path })).status, 401)
  })
})
