/** Entra tokens of Teams users, handed in by the owner of a resource. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { claimsOf, liveness, told } from '../calls.ts'
import { assign, exchanged, exchangeWorld, newPerson, tokenOf } from '../exchanges.ts'
import type { JwtPart } from '../signing-key.ts'
import type { Answer, Tenant } from '../world.ts'

const scp = 'Teams.ManageCalls Teams.ManageChats'
const person = newPerson()
const { oid: userId, azp: appId } = person

function post(tenant: Tenant, body: object, apiVersion = '2023-10-01'): Promise<Answer> {
  const path = `/teamsUser/:exchangeAccessToken?api-version=${apiVersion}`
  return tenant.call({ method: 'POST', path, body })
}

/** Exchanges a token of the person, or one that differs from it. */
async function postToken(
  changes: { readonly claims?: JwtPart; readonly body?: object; readonly version?: string } = {},
): Promise<{ readonly tenant: Tenant; readonly answer: Answer }> {
  const { issuer, createTenant } = await exchangeWorld()
  const tenant = await createTenant()
  const token = await tokenOf(issuer, person, { scp, ...changes.claims })
  const body = { token, appId, userId, ...changes.body }
  return { tenant, answer: await post(tenant, body, changes.version) }
}

function error(status: number, code: string, message: string, target?: string) {
  return { status, body: { error: { code, message, ...(target === undefined ? {} : { target }) } } }
}

const invalid = error(401, 'InvalidAccessToken', 'Provided access token is not valid.')

describe('the token of a Teams user', () => {
  test('is exchanged without an assignment, until it ends', async () => {
    const exp = Math.floor((await exchangeWorld()).now() / 1000) + 777
    const { tenant, answer } = await postToken({ claims: { exp } })
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(Object.keys(answer.body).sort(), ['expiresOn', 'token'])
    const { token, expiresOn } = answer.body
    assert.deepEqual([claimsOf(token).exp, Date.parse(expiresOn)], [exp, exp * 1000])
    assert.deepEqual(await liveness(tenant, [token]), [true])
    assert.equal(answer.headers['cache-control'], 'no-store')
  })

  test('becomes one of the access key that the owner signed with', async () => {
    const { answer } = await postToken()
    assert.equal(claimsOf(answer.body.token).akg, 'primary.1')
  })

  const mapped = [
    ['Teams.ManageCalls', 'voip'],
    ['Teams.ManageChats', 'chat'],
    [scp, 'chat,voip'],
    ['https://auth.msft.communication.azure.com/Teams.ManageCalls', 'voip'],
  ] as const
  for (const [permissions, scopes] of mapped) {
    test(`opens ${scopes} with ${permissions}`, async () => {
      const { answer } = await postToken({ claims: { scp: permissions } })
      assert.equal(claimsOf(answer.body.token).acsScope, scopes)
    })
  }

  test('is for the same identity as the exchanges of that person', async () => {
    const { issuer, createTenant } = await exchangeWorld()
    const tenant = await createTenant()
    await assign(tenant, person)
    const { identity } = await exchanged(tenant, await tokenOf(issuer, person))
    const token = await tokenOf(issuer, person, { scp })
    const { body } = await post(tenant, { token, appId, userId })
    assert.equal(claimsOf(body.token).sub, identity.id)
  })

  const refusals: readonly (readonly [string, JwtPart, string])[] = [
    ['long after its end', { exp: 1_700_000_000 }, 'bearer-expired'],
    ['of another audience', { aud: 'https://graph.microsoft.com' }, 'bearer-audience-differs'],
    ['without a permission', { scp: 'Chat VoIP' }, 'bearer-permission-missing'],
  ]
  for (const [what, claims, reason] of refusals) {
    test(`is refused ${what}, like every other: ${reason}`, async () => {
      const { answer } = await postToken({ claims })
      assert.deepEqual(told(answer), invalid)
      assert.equal(answer.headers['x-parley-reason'], reason)
    })
  }

  const noTokens = ['', 'token', 'a.b.c', 'x'.repeat(10_000), 'a.b.c\0'] as const
  for (const token of noTokens) {
    test(`is not ${JSON.stringify(token.slice(0, 20))}`, async () => {
      const { answer } = await postToken({ body: { token } })
      assert.deepEqual(told(answer), invalid)
    })
  }

  test('is not one whose signature was changed', async () => {
    const { issuer, createTenant } = await exchangeWorld()
    const token = await tokenOf(issuer, person, { scp })
    const forged = `${token.slice(0, -8)}${token.at(-8) === 'A' ? 'B' : 'A'}${token.slice(-7)}`
    const answer = await post(await createTenant(), { token: forged, appId, userId })
    assert.deepEqual(told(answer), invalid)
  })

  test('is neither good nor bad while its issuer tells nobody its keys', async () => {
    const { silentIssuer, createTenant } = await exchangeWorld()
    const token = await tokenOf(silentIssuer, person, { scp })
    const { status, headers, body } = await post(await createTenant(), { token, appId, userId })
    assert.deepEqual([status, body.error.code], [503, 'ServiceUnavailable'])
    assert.ok(Number(headers['retry-after']) >= 1)
  })

  const elsewhere = randomUUID()
  const compared: readonly (readonly [string, object, ReturnType<typeof error>])[] = [
    [
      'another application',
      { appId: elsewhere },
      error(400, 'ValidationError', 'AAD application is not the expected one.', 'appId'),
    ],
    [
      'no application',
      { appId: '' },
      error(400, 'ValidationError', 'AAD application is not the expected one.', 'appId'),
    ],
    [
      'another person',
      { userId: elsewhere },
      error(400, 'ValidationError', 'AAD user is not the expected one.', 'userId'),
    ],
  ]
  for (const [what, body, expected] of compared) {
    test(`is refused where the owner expects ${what}`, async () => {
      assert.deepEqual(told((await postToken({ body })).answer), expected)
    })
  }

  test('is refused where neither token nor owner name an application', async () => {
    const claims = { azp: undefined, client_id: undefined }
    const { answer } = await postToken({ claims, body: { appId: '' } })
    assert.deepEqual([answer.status, answer.body.error.target], [400, 'appId'])
  })

  test('is taken where the owner writes the ids in capitals', async () => {
    const body = { appId: appId.toUpperCase(), userId: userId.toUpperCase() }
    assert.equal((await postToken({ body })).answer.status, 200)
  })

  const versions: readonly (readonly [version: string, fields: object, status: number])[] = [
    ['2021-03-07', {}, 400],
    ['2021-03-31-preview1', { appId: undefined, userId: undefined }, 200],
    ['2021-10-31-preview', { appId: undefined, userId: undefined }, 200],
    ['2021-10-31-preview', { userId: undefined }, 400],
    ['2021-11-01', { appId: undefined }, 400],
    ['2022-06-01', { appId: undefined }, 400],
    ['2022-06-01', { userId: undefined }, 400],
    ['2022-06-01', { token: undefined }, 400],
    ['2022-06-01', {}, 200],
    ['2026-07-22', {}, 200],
  ]
  for (const [version, fields, status] of versions) {
    const missing = Object.keys(fields).join(' and ') || 'nothing'
    test(`is answered ${status} in ${version} with ${missing} left out`, async () => {
      assert.equal((await postToken({ version, body: fields })).answer.status, status)
    })
  }

  test('is no credential for the exchange itself', async () => {
    const { issuer, createTenant } = await exchangeWorld()
    const tenant = await createTenant()
    const token = await tokenOf(issuer, person, { scp })
    const answer = await tenant.call({
      method: 'POST',
      path: '/teamsUser/:exchangeAccessToken?api-version=2023-10-01',
      headers: { authorization: `Bearer ${token}` },
      body: { token, appId, userId },
    })
    assert.deepEqual([answer.status, answer.body.error.code], [401, 'Denied'])
  })
})
