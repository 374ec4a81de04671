import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  atOnce,
  claimsOf,
  createIdentity,
  deleteIdentity,
  getIdentity,
  identityPath,
  issueToken,
  namedVersion,
  notOwned,
  postIdentity,
  postRevoke,
  postToken,
  told,
  validationError,
  version,
} from '../calls.ts'
import { type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world

const namePattern =
  /^8:acs:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function countIdentities(tenant: Tenant): Promise<number> {
  const rows = await db`select from identity where resource_id = ${tenant.resourceId}`
  return rows.length
}

describe('creating an identity', () => {
  const olderVersions = [
    '2021-02-22-preview1',
    '2021-03-07',
    '2021-03-31-preview1',
    '2021-10-31-preview',
    '2021-11-01',
    '2022-06-01',
    '2022-10-01',
    '2023-10-01',
  ]
  const newerVersions = [namedVersion, '2025-06-30', '2026-07-22', '2026-09-23']
  const versions = ['2020-07-20-preview2', ...olderVersions, ...newerVersions]

  for (const one of [...olderVersions, ...newerVersions]) {
    test(`answers 201 with an opaque name at ${one}`, async () => {
      const tenant = await createTenant()
      const { status, headers, body } = await postIdentity(tenant, undefined, one)
      const { id } = body.identity
      assert.deepEqual({ status, body }, { status: 201, body: { identity: { id } } })
      assert.match(id, namePattern)
      assert.equal(id.slice(6, 42), tenant.resourceId)
      assert.equal(headers['api-supported-versions'], versions.join(', '))
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['content-type'], 'application/json; charset=utf-8')
    })
  }

  test('answers 200 with the bare name at 2020-07-20-preview2', async () => {
    const tenant = await createTenant()
    const { status, body } = await postIdentity(tenant, undefined, '2020-07-20-preview2')
    assert.deepEqual({ status, body }, { status: 200, body: { id: body.id } })
    assert.match(body.id, namePattern)
  })

  const bodiesWithoutToken = [
    ['no body under a JSON content type', ''],
    ['an empty object', '{}'],
    ['explicit nulls', '{"createTokenWithScopes":null,"expiresInMinutes":null}'],
    ['an empty list of scopes', '{"createTokenWithScopes":[]}'],
  ] as const
  for (const [name, body] of bodiesWithoutToken) {
    test(`gives no token for ${name}`, async () => {
      const tenant = await createTenant()
      const path = `/identities?api-version=${version}`
      const headers = { 'content-type': 'application/json' }
      const answer = await tenant.call({ method: 'POST', path, body, headers })
      assert.equal(answer.status, 201)
      assert.deepEqual(Object.keys(answer.body), ['identity'])
      assert.equal(await countIdentities(tenant), 1)
    })
  }

  test('issues a token of a day along with it', async (t) => {
    const tenant = await createTenant()
    const atMs = Date.now()
    world.stopClock(t, atMs)
    const { status, body } = await postIdentity(tenant, { createTokenWithScopes: ['voip', 'chat'] })
    const { token, expiresOn } = body.accessToken
    const { identity } = body
    const expected = { identity: { id: identity.id }, accessToken: { token, expiresOn } }
    assert.deepEqual({ status, body }, { status: 201, body: expected })
    const { sub, iat, exp, acsScope } = claimsOf(token)
    const issuedAt = Math.floor(atMs / 1000)
    assert.deepEqual([sub, acsScope], [identity.id, 'chat,voip'])
    assert.deepEqual([iat, exp], [issuedAt, issuedAt + 86_400])
    assert.match(expiresOn, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.0000000\+00:00$/)
    assert.equal(Date.parse(expiresOn), exp * 1000)
  })

  test('gives 1,000 names to 1,000 callers at once', async () => {
    const tenant = await createTenant()
    const names = await atOnce(1000, () => createIdentity(tenant))
    assert.equal(new Set(names).size, 1000)
    assert.equal(await countIdentities(tenant), 1000)
  })
})

describe('the scopes of a new identity', () => {
  const cases = [
    ['chat', '2021-02-22-preview1', true],
    ['voip', '2021-03-07', true],
    ['chat.join', '2022-10-01', false],
    ['chat.join.limited', '2022-10-01', false],
    ['voip.join', '2022-10-01', false],
    ['chat.join', '2023-10-01', true],
    ['chat.join.limited', '2023-10-01', true],
    ['voip.join', '2023-10-01', true],
    ['voip.join', '2026-09-23', true],
    ['video', '2023-10-01', false],
    ['CHAT', '2023-10-01', false],
    ['', '2023-10-01', false],
  ] as const
  for (const [scope, apiVersion, accepted] of cases) {
    test(`${accepted ? 'include' : 'exclude'} '${scope}' at ${apiVersion}`, async () => {
      const tenant = await createTenant()
      const asked = { createTokenWithScopes: ['chat', scope] }
      const answer = await postIdentity(tenant, asked, apiVersion)
      if (accepted) {
        assert.equal(answer.status, 201)
        const expected = scope === 'chat' ? 'chat' : `chat,${scope}`
        assert.equal(claimsOf(answer.body.accessToken.token).acsScope, expected)
        return
      }
      const target = 'CreateTokenWithScopes'
      const message = `${target}: '${scope}' is not a scope of API version '${apiVersion}'.`
      assert.deepEqual(told(answer), validationError(target, message))
      assert.equal(await countIdentities(tenant), 0)
    })
  }
})

describe('the lifetime asked for with a new identity', () => {
  const target = 'ExpiresInMinutes'
  const outside = (minutes: number) =>
    `${target} value ${minutes} is invalid. Value must be within the [60, 1440] interval.`
  const boundaries = [
    [59, outside(59)],
    [60, undefined],
    [1440, undefined],
    [1441, outside(1441)],
    [0, outside(0)],
    [-60, outside(-60)],
    [60.5, `${target}: Expected integer, found number.`],
    ['60', `${target}: Expected integer, found string.`],
    [true, `${target}: Expected integer, found boolean.`],
    [[60], `${target}: Expected integer, found array.`],
  ] as const
  for (const [minutes, refusal] of boundaries) {
    const shown = JSON.stringify(minutes)
    test(`${refusal === undefined ? 'may' : 'may not'} be ${shown}`, async () => {
      const tenant = await createTenant()
      const asked = { createTokenWithScopes: ['chat'], expiresInMinutes: minutes }
      const answer = await postIdentity(tenant, asked)
      if (refusal === undefined) {
        const { iat, exp } = claimsOf(answer.body.accessToken.token)
        assert.deepEqual([answer.status, exp - iat], [201, Number(minutes) * 60])
        return
      }
      assert.deepEqual(told(answer), validationError(target, refusal))
      assert.equal(await countIdentities(tenant), 0)
    })
  }

  for (const [apiVersion, accepted] of [
    ['2022-06-01', false],
    ['2022-10-01', true],
  ] as const) {
    test(`${accepted ? 'exists' : 'does not exist'} at ${apiVersion}`, async () => {
      const tenant = await createTenant()
      const asked = { createTokenWithScopes: ['chat'], expiresInMinutes: 60 }
      const answer = await postIdentity(tenant, asked, apiVersion)
      if (accepted) return assert.equal(answer.status, 201)
      const message = `${target}: The field does not exist in API version '${apiVersion}'.`
      assert.deepEqual(told(answer), validationError(target, message))
      assert.equal(await countIdentities(tenant), 0)
    })
  }
})

describe('deleting an identity', () => {
  test('takes its rows with it and is answered once', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    await issueToken(tenant, id)
    const { status, text, headers } = await deleteIdentity(tenant, id)
    assert.deepEqual([status, text, headers['content-type']], [204, '', undefined])
    assert.deepEqual(told(await deleteIdentity(tenant, id)), notOwned)
    const { resourceId } = tenant
    assert.equal(await countIdentities(tenant), 0)
    const tokens = await db`select from access_token where resource_id = ${resourceId}`
    assert.equal(tokens.length, 0)
  })

  test('is done by exactly one of 20 callers at once', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const answers = await atOnce(20, () => deleteIdentity(tenant, id))
    const refused = answers.filter(({ status }) => status !== 204)
    assert.deepEqual(refused.map(told), new Array(19).fill(notOwned))
  })
})

describe('the name of an identity', () => {
  const forms = [
    ['raw', (id: string) => id],
    ['percent-encoded', encodeURIComponent],
    ['percent-encoded in lower case', (id: string) => id.replaceAll(':', '%3a')],
  ] as const
  for (const [form, written] of forms) {
    test(`is understood ${form}`, async () => {
      const tenant = await createTenant()
      const id = written(await createIdentity(tenant))
      assert.equal((await postToken(tenant, id)).status, 200)
      assert.equal((await getIdentity(tenant, id)).status, 200)
      assert.equal((await postRevoke(tenant, id)).status, 204)
      assert.equal((await deleteIdentity(tenant, id)).status, 204)
    })
  }

  const strangers: readonly (readonly [string, (own: string, other: string) => string])[] = [
    ['belongs to another resource', (_own, other) => other],
    ['never was', (own) => own.replace(/[0-9a-f]{12}$/, '000000000000')],
    ['is in upper case', (own) => own.toUpperCase().replace('ACS', 'acs')],
    ['has one more character', (own) => `${own}0`],
    ['has two underscores', (own) => own.replace('_', '__')],
    ['is of another kind', (own) => own.replace('acs', 'orgid')],
    ['is a word', () => 'me'],
    ['holds a slash', () => '8%3Aacs%2Fme'],
    ['holds a zero byte', () => '%00'],
    ['holds a quote', () => "'%3B--"],
    ['has 256 characters', () => 'a'.repeat(256)],
  ]
  for (const [name, stranger] of strangers) {
    test(`is answered like any that does not exist when it ${name}`, async () => {
      const [tenant, neighbour] = [await createTenant(), await createTenant()]
      const other = await createIdentity(neighbour)
      const id = stranger(await createIdentity(tenant), other)
      const answers = [
        await postToken(tenant, id),
        await postRevoke(tenant, id),
        await deleteIdentity(tenant, id),
        await getIdentity(tenant, id),
        await tenant.call({
          method: 'PATCH',
          path: identityPath(id, '', '2020-07-20-preview2'),
        }),
      ]
      assert.deepEqual(answers.map(told), new Array(answers.length).fill(notOwned))
      assert.equal((await getIdentity(neighbour, other)).status, 200)
    })
  }

  test('is answered like any that does not exist when the identity was deleted', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    await deleteIdentity(tenant, id)
    for (const call of [postToken, postRevoke, deleteIdentity, getIdentity]) {
      assert.deepEqual(told(await call(tenant, id)), notOwned)
    }
  })
})
