import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { printResourcePath } from '@parley/server/resources/model'
import {
  claimsOf,
  createIdentity,
  getIdentity,
  identityPath,
  issueToken,
  liveness,
  postIdentity,
  told,
  version,
} from '../calls.ts'
import {
  control,
  createResource,
  newGuid,
  newPlace,
  type Place,
  regenerateKey,
  resourcePath,
} from '../control-plane.ts'
import { communicationAudience as audience, startIssuer } from '../issuer.ts'
import { newDataDir, startWorld, type Tenant, type TestRequest, type World } from '../world.ts'
import { judged, sendBearer, trusting } from './bearers.ts'

const issuer = await startIssuer()
after(() => issuer.stop())

const settings = {
  PARLEY_REFUSAL_REASONS: 'on',
  ...trusting({ issuer: issuer.issuer, audience }),
}
const world = await startWorld(newDataDir(), { PARLEY_DOMAIN: 'parley.test', ...settings })
const { createTenant } = world

/** The control-plane path of a resource. */
function pathOf({ name }: Tenant, on: World = world): string {
  const { subscriptionId = '' } = on.reachable
  return printResourcePath({ subscriptionId, resourceGroup: 'parley', name })
}

const subscriptionPath = `/subscriptions/${world.reachable.subscriptionId}`

describe('the role of a bearer', () => {
  const places: readonly (readonly [string, (tenant: Tenant) => string, boolean])[] = [
    ['everywhere', () => '', true],
    ['at the subscription', () => `@${subscriptionPath}`, true],
    ['at the group', () => `@${subscriptionPath}/resourceGroups/parley`, true],
    ['at the group, in another case', () => groupPath.toUpperCase(), true],
    ['at the resource', (tenant) => `@${pathOf(tenant)}`, true],
    ['at the resource, with a slash', (tenant) => `@${pathOf(tenant)}/`, true],
    ['at a resource whose name goes on', (tenant) => `@${pathOf(tenant)}x`, false],
    ['at a resource whose name ends sooner', (tenant) => `@${pathOf(tenant).slice(0, -1)}`, false],
    ['at another group', () => `@${subscriptionPath}/resourceGroups/other`, false],
    ['at another subscription', () => '@/subscriptions/other', false],
  ]
  const groupPath = `@${subscriptionPath}/resourceGroups/parley`
  const roles = [
    ['owner', true],
    ['Contributor', true],
    ['ADMINISTRATOR', true],
    ['reader', false],
  ] as const
  for (const [place, pathAt, reaches] of places) {
    for (const [role, suffices] of roles) {
      const isAllowed = reaches && suffices
      test(`${role} ${place} ${isAllowed ? 'opens' : 'does not open'} a resource`, async () => {
        const tenant = await createTenant()
        const token = await issuer.token({ roles: [`${role}${pathAt(tenant)}`] })
        const expected = isAllowed ? '201' : '401 bearer-role-missing'
        assert.equal(await judged(world, tenant, token), expected)
      })
    }
  }

  test('at a resource opens no other, whatever host or identity is named', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const token = await issuer.token({ roles: [`owner@${pathOf(tenant)}`] })
    const id = await createIdentity(neighbour)
    assert.equal(await judged(world, neighbour, token), '401 bearer-role-missing')
    const path = identityPath(id)
    const answer = await sendBearer(world, tenant, { method: 'DELETE', path, token })
    assert.equal(answer.body.error.code, 'IdentityNotOwned')
    assert.equal((await getIdentity(neighbour, id)).status, 200)
  })

  test('is refused as a wrong key is, to the letter', async () => {
    const tenant = await createTenant()
    const path = `/identities?api-version=${version}`
    const token = await issuer.token()
    const refused = await sendBearer(world, tenant, { method: 'POST', path, token })
    const accessKey = Buffer.alloc(64)
    const withKey = await tenant.call({ method: 'POST', path, accessKey })
    assert.deepEqual(told(refused), told(withKey))
    const scheme = 'www-authenticate'
    assert.deepEqual(refused.headers[scheme], withKey.headers[scheme])
  })

  test('says which resource is meant where one address stands for all', async () => {
    const laptop = await startWorld(newDataDir(), settings)
    const [tenant, neighbour] = [await laptop.createTenant(), await laptop.createTenant()]
    for (const one of [neighbour, tenant]) {
      const token = await issuer.token({ roles: [`owner@${pathOf(one, laptop)}`] })
      const path = `/identities?api-version=${version}`
      const { body } = await sendBearer(laptop, one, { method: 'POST', path, token })
      assert.equal(body.identity.id.slice(6, 42), one.resourceId)
    }
    await laptop.stop()
  })
})

describe('an owner with a bearer', () => {
  test('has every identity operation', async () => {
    const tenant = await createTenant()
    const token = await issuer.token({ roles: 'owner' })
    const as = (method: string, path: string, body?: object) =>
      sendBearer(world, tenant, { method, path, token, ...(body === undefined ? {} : { body }) })
    const scopes = { createTokenWithScopes: ['chat'] }
    const made = await as('POST', `/identities?api-version=${version}`, scopes)
    assert.equal(made.status, 201)
    const { id } = made.body.identity
    const asked = { scopes: ['voip'] }
    const issued = await as('POST', identityPath(id, '/:issueAccessToken'), asked)
    assert.equal(issued.status, 200)
    const tokens = [made.body.accessToken.token, issued.body.token]
    // A token that no key was used for names none, so no regeneration of one can void it.
    for (const one of tokens) assert.equal(claimsOf(one).akg, undefined)
    const introspected = await as('POST', '/introspect', { tokens })
    assert.deepEqual(
      introspected.body.value.map(({ active }) => active),
      [true, true],
    )
    assert.equal((await as('POST', identityPath(id, '/:revokeAccessTokens'))).status, 204)
    assert.deepEqual(await liveness(tenant, tokens), [false, false])
    assert.equal((await as('DELETE', identityPath(id))).status, 204)
    const gone = await as('POST', identityPath(id, '/:issueAccessToken'), asked)
    assert.equal(gone.body.error.code, 'IdentityNotOwned')
  })

  test('goes on when a key is regenerated and when none is taken any more', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const id = await createIdentity(tenant)
    const withKey = await issueToken(tenant, id)
    assert.equal(claimsOf(withKey).akg, 'primary.1')
    const { subscriptionId } = place
    const token = await issuer.token({ roles: `contributor@/subscriptions/${subscriptionId}` })
    const path = identityPath(id, '/:issueAccessToken')
    const asked = { method: 'POST', path, token, body: { scopes: ['chat'] } }
    const { token: withBearer } = (await sendBearer(world, tenant, asked)).body
    for (const keyType of ['Primary', 'Secondary']) await regenerateKey(world, place, { keyType })
    const patch = { method: 'PATCH', path: resourcePath(place) }
    const body = { properties: { disableLocalAuth: true } }
    assert.equal((await control(world, { ...patch, body })).status, 200)
    const refused = await postIdentity(tenant)
    assert.deepEqual([refused.status, refused.body.error.code], [401, 'Denied'])
    assert.equal(await judged(world, tenant, token), '201')
    const tokens = [withKey, withBearer]
    const introspection = { method: 'POST', path: '/introspect', token, body: { tokens } }
    const { value } = (await sendBearer(world, tenant, introspection)).body
    assert.deepEqual(
      value.map(({ active }) => active),
      [false, true],
    )
  })
})

describe('a bearer in the control plane', () => {
  /** What comes of asking for something with these roles: the status, and the code of an error. */
  async function outcomeOf(roles: string, request: TestRequest): Promise<string> {
    const token = await issuer.token({ roles })
    const headers = { authorization: `Bearer ${token}` }
    const { status, body } = await control(world, {
      ...request,
      headers: { ...request.headers, ...headers },
    })
    return [status, body?.error?.code].filter((part) => part !== undefined).join(' ')
  }

  const body = { tags: { a: 'b' } }
  const json = { 'content-type': 'application/json' }
  const requests = {
    get: (place: Place) => ({ method: 'GET', path: resourcePath(place) }),
    patch: (place: Place) => ({ method: 'PATCH', path: resourcePath(place), body, headers: json }),
    keys: (place: Place) => ({ method: 'POST', path: resourcePath(place, '/listKeys') }),
  }
  const cases: readonly (readonly [string, keyof typeof requests, string])[] = [
    ['administrator', 'get', '200'],
    ['administrator', 'patch', '200'],
    ['administrator', 'keys', '200'],
    ['reader', 'get', '200'],
    ['reader', 'patch', '403 AuthorizationFailed'],
    ['reader', 'keys', '403 AuthorizationFailed'],
    ['owner', 'get', '403 AuthorizationFailed'],
    ['contributor', 'patch', '403 AuthorizationFailed'],
    ['nobody', 'get', '403 AuthorizationFailed'],
  ]
  for (const [role, act, expected] of cases) {
    test(`may ${act} as ${role}: ${expected}`, async () => {
      const place = await newPlace(world)
      await createResource(world, place)
      assert.equal(await outcomeOf(role, requests[act](place)), expected)
      const here = `${role}@/subscriptions/${place.subscriptionId}`
      assert.equal(await outcomeOf(here, requests[act](place)), expected)
      const elsewhere = `${role}@/subscriptions/${newGuid()}`
      assert.equal(await outcomeOf(elsewhere, requests[act](place)), '403 AuthorizationFailed')
    })
  }

  test("is not let in by a signature that is not the issuer's", async () => {
    const place = await newPlace(world)
    const token = `${await issuer.token({ roles: 'administrator' })}AAAA`
    const headers = { authorization: `Bearer ${token}` }
    const answer = await control(world, { ...requests.get(place), headers })
    assert.deepEqual([answer.status, answer.body.error.code], [401, 'AuthenticationFailed'])
  })

  test('is named in the audit log', async () => {
    const place = await newPlace(world)
    await createResource(world, place)
    assert.equal(await outcomeOf('administrator', requests.patch(place)), '200')
    const [entry] = await world.db<{ actor: string }[]>`
      select actor from audit_entry order by seq desc limit 1`
    assert.equal(entry?.actor, `bearer/${issuer.issuer}/${issuer.client.clientId}`)
  })
})
