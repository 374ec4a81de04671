/**
 * Phone numbers of a resource, its trunks and routes, and what it allows its calls to phones.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { listAuditEntries } from '@parley/server/audit/store'
import { describeOperations } from '@parley/server/operations'
import { createIdentity, deleteIdentity, issueToken } from '../calls.ts'
import { type Answer, send, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant } = world
let numberCount = 0

/** A number that no other test has. */
function aNumber(): string {
  numberCount += 1
  return `+1425555${String(numberCount).padStart(4, '0')}`
}

function at(number: string): string {
  return `/parley/phoneNumbers/${encodeURIComponent(number)}`
}

function put(tenant: Tenant, number: string, body: object): Promise<Answer> {
  return tenant.call({ method: 'PUT', path: at(number), body })
}

function get(tenant: Tenant, path: string): Promise<Answer> {
  return tenant.call({ method: 'GET', path })
}

function shown({ body }: Answer): Readonly<Record<string, unknown>> {
  return body as unknown as Record<string, unknown>
}

async function createRoom(tenant: Tenant): Promise<string> {
  const path = '/rooms?api-version=2025-03-13'
  return (await tenant.call({ method: 'POST', path, body: {} })).body.id
}

async function auditOf({ resourceId }: Tenant): Promise<readonly (readonly string[])[]> {
  const asked = { afterSeq: 0, entriesMax: 100, resourceId }
  const entries = await listAuditEntries(world.db, asked)
  return entries.map(({ operation, target }) => [operation, target.split('/').slice(9).join('/')])
}

describe('a phone number', () => {
  test('is assigned to an identity, then to another, shown, listed and given up', async () => {
    const tenant = await createTenant()
    const [number, other] = [aNumber(), aNumber()]
    const [identity, next] = [await createIdentity(tenant), await createIdentity(tenant)]
    const made = await put(tenant, number, { identity })
    assert.equal(made.status, 201, made.text)
    const { createdOn } = shown(made)
    assert.deepEqual(shown(made), { phoneNumber: number, identity, createdOn })
    const moved = await put(tenant, number, { identity: next })
    assert.equal(moved.status, 200)
    assert.deepEqual(shown(moved), { phoneNumber: number, identity: next, createdOn })
    assert.deepEqual(shown(await get(tenant, at(number))), shown(moved))
    await put(tenant, other, { identity })
    const list = await get(tenant, '/parley/phoneNumbers')
    const numbers = (list.body.value as unknown as { phoneNumber: string }[]).map(
      ({ phoneNumber }) => phoneNumber,
    )
    assert.deepEqual(numbers, [number, other])
    assert.equal((await tenant.call({ method: 'DELETE', path: at(number) })).status, 204)
    assert.equal((await tenant.call({ method: 'DELETE', path: at(number) })).status, 404)
    assert.equal((await get(tenant, at(number))).status, 404)
    assert.deepEqual((await auditOf(tenant)).slice(-4), [
      ['Parley_AssignPhoneNumber', `phoneNumbers/${number}`],
      ['Parley_AssignPhoneNumber', `phoneNumbers/${number}`],
      ['Parley_AssignPhoneNumber', `phoneNumbers/${other}`],
      ['Parley_DeletePhoneNumber', `phoneNumbers/${number}`],
    ])
  })

  test('is of one resource of the server', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const number = aNumber()
    assert.equal(
      (await put(tenant, number, { identity: await createIdentity(tenant) })).status,
      201,
    )
    const refused = await put(other, number, { identity: await createIdentity(other) })
    assert.equal(refused.status, 400)
    assert.match(refused.body.error.message, /is of another resource/)
    assert.equal((await get(other, at(number))).status, 404)
    assert.equal((await other.call({ method: 'DELETE', path: at(number) })).status, 404)
    assert.equal((await get(tenant, at(number))).status, 200)
  })

  test('stays with the resource when its identity is deleted, and rings nobody', async () => {
    const tenant = await createTenant()
    const number = aNumber()
    const identity = await createIdentity(tenant)
    await put(tenant, number, { identity })
    await deleteIdentity(tenant, identity)
    const { createdOn, ...rest } = shown(await get(tenant, at(number)))
    assert.ok(createdOn)
    assert.deepEqual(rest, { phoneNumber: number })
  })

  test('leads into no room: that is not served, and says so', async () => {
    const tenant = await createTenant()
    const number = aNumber()
    const answer = await put(tenant, number, { roomId: await createRoom(tenant) })
    assert.deepEqual([answer.status, answer.body.error.code], [501, 'NotImplemented'])
    assert.equal((await get(tenant, at(number))).status, 404)
  })

  const guid = randomUUID()
  const refused: readonly (readonly [string, string, object | undefined, string])[] = [
    ['that is none', '425', undefined, 'PhoneNumber'],
    ['of an emergency', '+1911', undefined, 'PhoneNumber'],
    ['that is dear', '+19005550100', undefined, 'PhoneNumber'],
    ['for nobody', '+14255550199', {}, 'Identity'],
    ['for no identity', '+14255550199', { identity: '8:acs:x' }, 'Identity'],
    ["for another resource's", '+14255550199', { identity: `8:acs:${guid}_${guid}` }, 'Identity'],
    ['with more', '+14255550199', { identity: '8:acs:x', x: 1 }, 'X'],
  ]
  for (const [name, number, body, target] of refused) {
    test(`is refused ${name}`, async () => {
      const tenant = await createTenant()
      const asked = body ?? { identity: await createIdentity(tenant) }
      const answer = await put(tenant, number, asked)
      assert.deepEqual([answer.status, answer.body.error.target], [400, target], answer.text)
    })
  }
})

describe('the settings of a resource for phones', () => {
  const path = '/parley/phoneSettings'
  const shut = {
    pstnEnabled: false,
    countries: [],
    refusedPrefixes: [],
    concurrentMax: 5,
    perMinuteMax: 10,
    durationSecondsMax: 3600,
    identitySecondsPerDayMax: 3600,
  }

  test('allow nothing until they are set, which is audited, nor when set to nothing', async () => {
    const tenant = await createTenant()
    assert.deepEqual(shown(await get(tenant, path)), shut)
    const body = { pstnEnabled: true, countries: ['+1', '+1876'], concurrentMax: 2 }
    const set = await tenant.call({ method: 'PUT', path, body })
    assert.deepEqual(shown(set), { ...shut, ...body })
    assert.deepEqual(shown(await get(tenant, path)), shown(set))
    const cleared = await tenant.call({ method: 'PUT', path, body: {} })
    assert.deepEqual(shown(cleared), shut)
    const act = ['Parley_SetPhoneSettings', 'phoneSettings']
    assert.deepEqual((await auditOf(tenant)).slice(-2), [act, act])
  })

  for (const [field, body] of [
    ['Countries', { countries: ['+4930'] }],
    ['Countries', { countries: ['DE'] }],
    ['RefusedPrefixes[0]', { refusedPrefixes: ['49'] }],
    ['ConcurrentMax', { concurrentMax: -1 }],
    ['DurationSecondsMax', { durationSecondsMax: 0 }],
    ['IdentitySecondsPerDayMax', { identitySecondsPerDayMax: 86_401 }],
    ['Enabled', { enabled: true }],
  ] as const) {
    test(`refuse ${JSON.stringify(body)}`, async () => {
      const tenant = await createTenant()
      const answer = await tenant.call({ method: 'PUT', path, body })
      assert.deepEqual([answer.status, answer.body.error.target], [400, field])
      assert.deepEqual(shown(await get(tenant, path)), shut)
    })
  }
})

describe('trunks and routes', () => {
  const path = '/sip?api-version=2023-03-01'
  const mergePatch = { 'content-type': 'application/merge-patch+json' }
  const patch = (tenant: Tenant, body: object) =>
    tenant.call({ method: 'PATCH', path, body, headers: mergePatch })

  test('are empty at first, of one resource, and audited when changed', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    assert.deepEqual(shown(await get(tenant, path)), { trunks: {}, routes: [] })
    const trunks = { 'a.example.com': { sipSignalingPort: 5060 } }
    const answer = await patch(tenant, { trunks })
    assert.deepEqual(shown(answer), { trunks, routes: [] })
    assert.equal(answer.headers['api-supported-versions'], '2023-03-01')
    assert.deepEqual(shown(await get(other, path)), { trunks: {}, routes: [] })
    assert.deepEqual((await auditOf(tenant)).at(-1), ['SipRouting_Update', 'sip'])
  })

  test('are both there when two trunks are added at once', async () => {
    const tenant = await createTenant()
    const names = Array.from({ length: 8 }, (_, index) => `t${index}.example.com`)
    const add = (name: string) => patch(tenant, { trunks: { [name]: { sipSignalingPort: 5060 } } })
    await Promise.all(names.map(add))
    const { trunks } = shown(await get(tenant, path))
    assert.deepEqual(Object.keys(trunks as object).sort(), names)
  })

  test('are not touched by a change that is refused, or of another media type', async () => {
    const tenant = await createTenant()
    const refused = await patch(tenant, { trunks: { x: { sipSignalingPort: 5060 } } })
    assert.deepEqual([refused.status, refused.body.error.code], [422, 'UnprocessableConfiguration'])
    assert.equal((await tenant.call({ method: 'PATCH', path, body: { routes: [] } })).status, 415)
    assert.equal((await patch(tenant, {})).status, 422)
    assert.equal((await patch(tenant, { domains: {} })).status, 400)
    assert.equal((await patch(tenant, { routes: [{ name: 'x' }] })).status, 400)
    assert.deepEqual(shown(await get(tenant, path)), { trunks: {}, routes: [] })
  })

  test('are for the owner: an access token of an identity is refused', async () => {
    const tenant = await createTenant()
    const token = await issueToken(tenant, await createIdentity(tenant))
    const headers = { authorization: `Bearer ${token}` }
    for (const place of [path, '/parley/phoneNumbers', '/parley/phoneSettings']) {
      const asked = { method: 'GET', path: place, host: tenant.host, headers }
      assert.equal((await send(world.origin, asked)).status, 401, place)
    }
  })
})

describe('what the service has for buying numbers', () => {
  const unserved = describeOperations().filter(({ id }) => id.startsWith('PhoneNumbers_'))

  test('is known in all of its twenty operations', () => assert.equal(unserved.length, 20))

  for (const { id, method, path } of unserved) {
    test(`is refused as not served: ${id}`, async () => {
      const filled = path.replaceAll(/\{[A-Za-z]+\}/g, 'x')
      for (const version of ['2021-03-07', '2025-06-01']) {
        const asked = { method, path: `${filled}?api-version=${version}` }
        const { status, body } = await send(world.origin, asked)
        assert.deepEqual([status, body.error.code], [501, 'NotImplemented'])
      }
    })
  }
})
