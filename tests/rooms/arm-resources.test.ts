/**
 * Resources in the control plane, from creation to deletion, as ARM has them.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { managementVersions } from '@parley/server/contract/versions'
import { postIdentity } from '../calls.ts'
import {
  control,
  createResource,
  newGuid,
  newName,
  newPlace,
  putResource,
  resourcePath,
} from '../control-plane.ts'
import { send, signed, theWorld } from '../world.ts'

const world = await theWorld()

const instant = /^\d{4}-\d{2}-\d{2}T[\d:.]+\+00:00$/

describe('creating a resource', () => {
  test('answers 201 with all that it is, at once', async () => {
    const place = await newPlace(world)
    const { status, body, headers } = await putResource(world, place, {
      location: 'Global',
      tags: { team: 'a' },
      properties: { dataLocation: 'Europe' },
    })
    assert.equal(status, 201)
    assert.equal(headers['azure-asyncoperation'], undefined)
    const { systemData, properties, ...rest } = body
    const { subscriptionId, group, name } = place
    assert.deepEqual(rest, {
      id:
        `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/` +
        `Microsoft.Communication/communicationServices/${name}`,
      name,
      type: 'Microsoft.Communication/communicationServices',
      location: 'Global',
      tags: { team: 'a' },
    })
    const { immutableResourceId, ...others } = properties
    assert.match(immutableResourceId, /^[0-9a-f-]{36}$/)
    assert.deepEqual(others, {
      provisioningState: 'Succeeded',
      hostName: `${name}.parley.test`,
      dataLocation: 'Europe',
      version: '0.2.0',
      publicNetworkAccess: 'Enabled',
      disableLocalAuth: false,
    })
    const { createdAt = '', lastModifiedAt = '', ...who } = systemData
    assert.match(createdAt, instant)
    assert.equal(lastModifiedAt, createdAt)
    assert.deepEqual(who, {
      createdBy: 'admin-token',
      createdByType: 'Key',
      lastModifiedBy: 'admin-token',
      lastModifiedByType: 'Key',
    })
  })

  test('twice is the same resource, answered 200', async () => {
    const place = await newPlace(world)
    const first = await putResource(world, place)
    const second = await putResource(world, place)
    assert.deepEqual([first.status, second.status], [201, 200])
    assert.deepEqual(second.body.properties, first.body.properties)
  })

  test('many times at once makes one', async () => {
    const place = await newPlace(world)
    const answers = await Promise.all(Array.from({ length: 8 }, () => putResource(world, place)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [
      ...Array.from({ length: 7 }, () => 200),
      201,
    ])
    const ids = answers.map(({ body }) => body.properties.immutableResourceId)
    assert.equal(new Set(ids).size, 1)
  })

  test('under the name of another is refused, wherever that is and in whatever case', async () => {
    const place = await newPlace(world)
    await putResource(world, place)
    const elsewhere = { ...(await newPlace(world)), name: place.name.toUpperCase() }
    for (const other of [elsewhere, { ...place, group: 'Other' }]) {
      const { status, body } = await putResource(world, other)
      assert.deepEqual([status, body.error.code], [409, 'NameUnavailable'])
    }
  })

  const refused: readonly (readonly [what: string, change: object, code: string])[] = [
    ['a name with an underscore', { name: 'a_b' }, 'InvalidResourceName'],
    ['a name that ends with a hyphen', { name: 'ab-' }, 'InvalidResourceName'],
    ['a name of 64 characters', { name: 'x'.repeat(64) }, 'InvalidResourceName'],
    ['a group with a slash', { group: 'a%2Fproviders' }, 'InvalidResourceGroup'],
    ['a subscription that does not exist', { subscriptionId: newGuid() }, 'SubscriptionNotFound'],
    ['a subscription that is no GUID', { subscriptionId: 'mine' }, 'SubscriptionNotFound'],
  ]
  for (const [what, change, code] of refused) {
    test(`with ${what} is refused`, async () => {
      const { status, body } = await putResource(world, { ...(await newPlace(world)), ...change })
      const expected = code === 'SubscriptionNotFound' ? 404 : 400
      assert.deepEqual([status, body.error.code], [expected, code])
    })
  }

  const documents: readonly (readonly [what: string, document: object | string])[] = [
    ['no data location', { location: 'global' }],
    ['a data location that does not exist', { properties: { dataLocation: 'Moon' } }],
    ['a tag that is no text', { tags: { a: 1 }, properties: { dataLocation: 'Europe' } }],
    ['no JSON', '{'],
  ]
  for (const [what, document] of documents) {
    test(`with ${what} is refused, and nothing is made`, async () => {
      const place = await newPlace(world)
      const path = resourcePath(place)
      const { status, body } = await control(world, { method: 'PUT', path, body: document })
      assert.deepEqual([status, body.error.code], [400, 'InvalidRequestContent'])
      assert.equal((await control(world, { method: 'GET', path })).status, 404)
    })
  }
})

describe('a resource', () => {
  test('is found whatever the case of its path', async () => {
    const place = await newPlace(world)
    const { body } = await putResource(world, place)
    const [path = '', query] = resourcePath(place).split('?')
    for (const written of [path.toUpperCase(), path.toLowerCase()]) {
      const found = await control(world, { method: 'GET', path: `${written}?${query}` })
      assert.deepEqual([found.status, found.body], [200, body])
    }
  })

  test('can be put back as it was got, in every version', async () => {
    const place = await newPlace(world)
    await putResource(world, place, {
      identity: { type: 'UserAssigned', userAssignedIdentities: { '/some/identity': {} } },
      tags: { a: 'b' },
      properties: { dataLocation: 'Japan', linkedDomains: ['/a/domain'], disableLocalAuth: true },
    })
    const before = await control(world, { method: 'GET', path: resourcePath(place) })
    for (const version of managementVersions) {
      const path = resourcePath(place, '', version)
      const { body: document } = await control(world, { method: 'GET', path })
      const put = await control(world, { method: 'PUT', path, body: document })
      assert.equal(put.status, 200)
      assert.deepEqual(put.body.properties, document.properties)
    }
    const after = await control(world, { method: 'GET', path: resourcePath(place) })
    const { systemData: _, ...kept } = after.body
    const { systemData: __, ...expected } = before.body
    assert.deepEqual(kept, expected)
  })

  test('has the fields that its version has', async () => {
    const place = await newPlace(world)
    await putResource(world, place, {
      identity: { type: 'SystemAssigned' },
      properties: { dataLocation: 'UK', linkedDomains: ['d'] },
    })
    const fields: string[] = []
    for (const version of managementVersions) {
      const path = resourcePath(place, '', version)
      const { body } = await control(world, { method: 'GET', path })
      const later = ['linkedDomains', 'publicNetworkAccess', 'disableLocalAuth']
      const had = later.filter((field) => field in body.properties)
      fields.push([version, ...had, ...('identity' in body ? ['identity'] : [])].join(' '))
    }
    assert.deepEqual(fields, [
      '2020-08-20',
      '2023-03-31 linkedDomains',
      '2023-04-01 linkedDomains identity',
      '2025-05-01 linkedDomains identity',
      '2025-09-01 linkedDomains publicNetworkAccess disableLocalAuth identity',
    ])
  })

  test('keeps its data location', async () => {
    const place = await newPlace(world)
    await putResource(world, place)
    const { status, body } = await putResource(world, place, {
      properties: { dataLocation: 'Africa' },
    })
    const { code, target } = body.error
    assert.deepEqual(
      [status, code, target],
      [400, 'PropertyChangeNotAllowed', 'properties.dataLocation'],
    )
  })

  for (const type of ['application/json', 'application/merge-patch+json']) {
    test(`is changed by a patch of ${type}`, async () => {
      const place = await newPlace(world)
      await putResource(world, place, {
        tags: { a: '1', b: '2' },
        properties: { dataLocation: 'Europe' },
      })
      const path = resourcePath(place)
      const { status, body } = await control(world, {
        method: 'PATCH',
        path,
        body: { tags: { a: null, c: '3' }, properties: { linkedDomains: ['d'] }, unknown: 1 },
        headers: { 'content-type': type },
      })
      assert.equal(status, 200)
      assert.deepEqual(body.tags, { b: '2', c: '3' })
      assert.deepEqual(body.properties['linkedDomains'], ['d'])
      const { body: read } = await control(world, { method: 'GET', path })
      assert.deepEqual(read, body)
    })
  }

  test('refuses access keys from the answer that disables them on', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const path = resourcePath(place)
    const set = (disableLocalAuth: boolean) =>
      control(world, { method: 'PATCH', path, body: { properties: { disableLocalAuth } } })
    const statuses = [(await postIdentity(tenant)).status]
    await set(true)
    statuses.push((await postIdentity(tenant)).status)
    await set(false)
    statuses.push((await postIdentity(tenant)).status)
    assert.deepEqual(statuses, [201, 401, 201])
  })

  test('remembers the hub that is linked to it', async () => {
    const place = await newPlace(world)
    await putResource(world, place)
    const hub = `/subscriptions/${place.subscriptionId}/hub`
    const linked = await control(world, {
      method: 'POST',
      path: resourcePath(place, '/linkNotificationHub'),
      body: { resourceId: hub, connectionString: 'Endpoint=sb://x/;SharedAccessKey=secret' },
    })
    assert.deepEqual([linked.status, linked.body], [200, { resourceId: hub }])
    await putResource(world, place)
    const { body } = await control(world, { method: 'GET', path: resourcePath(place) })
    assert.equal(body.properties['notificationHubId'], hub)
  })
})

describe('checking a name', () => {
  const check = async (body: object) => {
    const { subscriptionId } = await newPlace(world)
    const path =
      `/subscriptions/${subscriptionId}/providers/Microsoft.Communication/checkNameAvailability` +
      '?api-version=2025-09-01'
    return control(world, { method: 'POST', path, body })
  }
  const type = 'Microsoft.Communication/CommunicationServices'

  test('agrees with creating under it', async () => {
    const place = await newPlace(world)
    const taken = place.name.toUpperCase()
    const free = await check({ name: place.name, type })
    await putResource(world, place)
    const answers = [free]
    for (const name of [place.name, taken, 'a_b', '-']) answers.push(await check({ name, type }))
    assert.deepEqual(
      answers.map(({ body }) => [body.nameAvailable, body.reason]),
      [
        [true, undefined],
        [false, 'AlreadyExists'],
        [false, 'AlreadyExists'],
        [false, 'Invalid'],
        [false, 'Invalid'],
      ],
    )
    await control(world, { method: 'DELETE', path: resourcePath(place) })
    assert.equal((await check({ name: place.name, type })).body.nameAvailable, true)
  })

  test('of another type is refused', async () => {
    const statuses = []
    for (const other of ['Microsoft.Communication/EmailServices', 'Other/Thing']) {
      const { status, body } = await check({ name: newName(), type: other })
      statuses.push([status, body.error.code])
    }
    assert.deepEqual(statuses, [
      [501, 'NotImplemented'],
      [400, 'InvalidRequestContent'],
    ])
  })
})

describe('what is refused everywhere', () => {
  test('is whoever has no bearer, a wrong one, or an access key', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const path = resourcePath(place)
    const answers = [
      await send(world.origin, { method: 'GET', path }),
      await control(world, { method: 'GET', path, headers: { authorization: 'Bearer wrong' } }),
      await tenant.call({ method: 'GET', path }),
    ]
    for (const { status, body, headers } of answers) {
      assert.deepEqual([status, body.error.code], [401, 'AuthenticationFailed'])
      assert.equal(headers['www-authenticate'], 'Bearer')
    }
  })

  test('is the admin token on the data plane', async () => {
    const path = '/identities?api-version=2023-10-01'
    assert.equal((await control(world, { method: 'POST', path })).status, 401)
  })

  const versions = [
    ['', 'MissingApiVersionParameter'],
    ['2019-01-01', 'InvalidApiVersionParameter'],
    ['2023-10-01', 'InvalidApiVersionParameter'],
  ] as const
  for (const [version, code] of versions) {
    test(`is the api-version '${version}'`, async () => {
      const path = resourcePath(await newPlace(world), '', version)
      const { status, body } = await control(world, { method: 'GET', path })
      assert.deepEqual([status, body.error.code], [400, code])
    })
  }
})

describe('what the provider has besides', () => {
  test('is answered 501 where it is not served, and 404 where it does not exist', async () => {
    const place = await newPlace(world)
    const group = resourcePath(place).split('/communicationServices')[0]
    const answers = []
    for (const [method, rest] of [
      ['GET', '/emailServices'],
      ['PUT', '/emailServices/a/domains/b'],
      ['GET', `/communicationServices/${place.name}/smtpUsernames`],
      ['GET', '/emailServices/a/domains/b/suppressionLists/c/suppressionListAddresses/d'],
      ['GET', '/nothing'],
      ['POST', `/communicationServices/${place.name}/nothing`],
    ] as const) {
      const path = `${group}${rest}?api-version=2025-09-01`
      const { status, body } = await control(world, { method, path })
      answers.push([status, body.error.code])
    }
    const notServed = Array.from({ length: 4 }, () => [501, 'NotImplemented'])
    assert.deepEqual(answers, [...notServed, [404, 'NotFound'], [404, 'NotFound']])
  })

  test('is told in the list of operations', async () => {
    const path = '/providers/Microsoft.Communication/operations?api-version=2025-09-01'
    const { status, body } = await control(world, { method: 'GET', path })
    assert.equal(status, 200)
    const names = body.value.map(({ name }) => name)
    assert.ok(names.includes('Microsoft.Communication/communicationServices/listKeys/action'))
  })
})

test('a resource takes the keys of no other, at its own host or any', async () => {
  const [one, other] = await Promise.all(
    [await newPlace(world), await newPlace(world)].map((place) => createResource(world, place)),
  )
  assert.ok(one !== undefined && other !== undefined)
  const request = { method: 'POST', path: '/identities?api-version=2023-10-01', host: one.host }
  const crossed = signed(world.origin, { ...request, accessKey: other.primaryKey }, world.now())
  assert.equal((await send(world.origin, crossed)).status, 401)
  assert.equal((await postIdentity(one)).status, 201)
})
