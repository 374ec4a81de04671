import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createVerifier } from '@parley/verifier/node'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import {
  claimsOf,
  createIdentity,
  identityPath,
  issueToken,
  liveness,
  postIdentity,
  postToken,
  told,
  validationError,
} from '../calls.ts'
import { newDataDir, send, startWorld, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world
const issuer = world.parley.endpoint.slice(0, -1)

describe('issuing an access token', () => {
  test('answers the token and the instant of its end', async (t) => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    world.stopClock(t, 1_800_000_000_999)
    const { resourceId } = tenant
    const answer = await postIdentityTokenAt(1_800_000_000_999)
    const { token } = answer.body
    const expected = { token, expiresOn: '2027-01-16T08:00:00.0000000+00:00' }
    assert.deepEqual(told(answer), { status: 200, body: expected })
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { jti, ...claims } = claimsOf(token)
    assert.match(jti, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.deepEqual(claims, {
      skypeid: id.slice(2),
      scp: 1792,
      csi: '1800000000',
      exp: 1_800_086_400,
      rgn: 'amer',
      acsScope: 'chat,voip',
      resourceId,
      resourceLocation: 'unitedstates',
      iat: 1_800_000_000,
      iss: issuer,
      aud: resourceId,
      sub: id,
      gen: 1,
      akg: 'primary.1',
    })

    async function postIdentityTokenAt(nowMs: number) {
      await ensureRoom(nowMs)
      return postToken(tenant, id, { scopes: ['voip', 'chat', 'voip'] })
    }
  })

  test('writes one line in the ledger', async () => {
    const tenant = await createTenant()
    const { resourceId } = tenant
    const id = await createIdentity(tenant)
    const body = { scopes: ['voip', 'chat.join.limited'], expiresInMinutes: 90 }
    const { iat, exp, jti } = claimsOf((await postToken(tenant, id, body)).body.token)
    const rows = await db`
      select resource_id, identity_id, jti, scopes, access_key_slot, access_key_generation,
        issued_at, expires_at
      from access_token
      where resource_id = ${resourceId}
    `
    assert.equal(exp - iat, 90 * 60)
    assert.deepEqual(
      [...rows],
      [
        {
          resource_id: resourceId,
          identity_id: id.slice(43),
          jti,
          scopes: 0b01010,
          access_key_slot: 'primary',
          access_key_generation: 1,
          issued_at: new Date(iat * 1000),
          expires_at: new Date(exp * 1000),
        },
      ],
    )
  })

  test('remembers that the secondary key asked for it', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const { status, body } = await tenant.call({
      method: 'POST',
      path: identityPath(id, '/:issueAccessToken'),
      body: { scopes: ['chat'] },
      accessKey: tenant.secondaryKey,
    })
    assert.deepEqual([status, claimsOf(body.token).akg], [200, 'secondary.1'])
    const rows = await db`
      select access_key_slot, access_key_generation
      from access_token
      where resource_id = ${tenant.resourceId}
    `
    assert.deepEqual([...rows], [{ access_key_slot: 'secondary', access_key_generation: 1 }])
  })

  test('leaves the earlier tokens of the identity live', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const tokens = [await issueToken(tenant, id), await issueToken(tenant, id)]
    assert.notEqual(tokens[0], tokens[1])
    assert.deepEqual(await liveness(tenant, tokens), [true, true])
  })

  test('has a path of its own in the first preview', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const path = identityPath(id, '/token', '2020-07-20-preview2')
    const { status, body } = await tenant.call({ method: 'POST', path, body: { scopes: ['chat'] } })
    const { token, expiresOn } = body
    assert.deepEqual({ status, body }, { status: 200, body: { id, token, expiresOn } })
    assert.equal(Date.parse(expiresOn), claimsOf(token).exp * 1000)
    assert.deepEqual(await liveness(tenant, [token]), [true])
  })

  const scopesRequired = validationError('Scopes', 'Scopes: The Scopes field is required.')
  const notAScope = (scope: string) =>
    validationError('Scopes', `Scopes: '${scope}' is not a scope of API version '2023-10-01'.`)
  const lifetime = (minutes: number) =>
    validationError(
      'ExpiresInMinutes',
      `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`,
    )
  const refusals: readonly (readonly [string, ReturnType<typeof told>])[] = [
    ['{"scopes":null}', scopesRequired],
    ['{"scopes":[]}', scopesRequired],
    ['{}', scopesRequired],
    ['', scopesRequired],
    ['{"scopes":["video"]}', notAScope('video')],
    ['{"scopes":["chat","Chat"]}', notAScope('Chat')],
    [`{"scopes":["${'x'.repeat(80)}"]}`, notAScope('x'.repeat(64))],
    ['{"scopes":["__proto__"]}', notAScope('__proto__')],
    ['{"scopes":"chat"}', validationError('Scopes', 'Scopes: Expected array, found string.')],
    ['{"scopes":["chat"],"expiresInMinutes":59}', lifetime(59)],
    ['{"scopes":["chat"],"expiresInMinutes":1441}', lifetime(1441)],
  ]
  for (const [body, expected] of refusals) {
    test(`refuses ${body === '' ? 'an empty body' : body.slice(0, 48)}`, async () => {
      const tenant = await createTenant()
      const id = await createIdentity(tenant)
      const path = identityPath(id, '/:issueAccessToken')
      const headers = { 'content-type': 'application/json' }
      const answer = await tenant.call({ method: 'POST', path, body, headers })
      assert.deepEqual(told(answer), expected)
      const rows = await db`select from access_token where resource_id = ${tenant.resourceId}`
      assert.equal(rows.length, 0)
    })
  }
})

/** The ledger has partitions for the next two days only; a test that goes further makes its own. */
async function ensureRoom(nowMs: number): Promise<void> {
  const { makeRoomForTokens } = await import('@parley/server/database/partitions')
  await makeRoomForTokens(db, nowMs)
}

describe('the published keys', () => {
  test('are the public half of one P-256 key', async () => {
    const { status, headers, body } = await getPublic('/.well-known/jwks.json')
    const [{ kid, x, y }] = body.keys
    const key = { kty: 'EC', use: 'sig', alg: 'ES256', kid, crv: 'P-256', x, y }
    assert.deepEqual({ status, body }, { status: 200, body: { keys: [key] } })
    assert.match(kid, /^[\w-]{43}$/)
    assert.equal(headers['cache-control'], 'public, max-age=300')
    assert.equal(headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(headers['api-supported-versions'], undefined)
  })

  test('stand where the discovery document says', async () => {
    const { status, headers, body } = await getPublic('/.well-known/openid-configuration')
    assert.equal(headers['cache-control'], 'public, max-age=300')
    const expected = {
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      introspection_endpoint: `${issuer}/introspect`,
      id_token_signing_alg_values_supported: ['ES256'],
      response_types_supported: ['none'],
      subject_types_supported: ['public'],
    }
    assert.deepEqual({ status, body }, { status: 200, body: expected })
  })

  test('let jose verify a token', async () => {
    const tenant = await createTenant()
    const token = await issueToken(tenant, await createIdentity(tenant))
    const { body: keys } = await getPublic('/.well-known/jwks.json')
    const { kid } = keys.keys[0]
    assert.deepEqual(decodeProtectedHeader(token), { alg: 'ES256', kid, typ: 'JWT' })
    const audience = tenant.resourceId
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience })
    assert.deepEqual(payload, claimsOf(token))
  })

  test('let the verifier decide offline', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    const { body: keys } = await getPublic('/.well-known/jwks.json')
    const { resourceId } = tenant
    const verifier = createVerifier({ keys, issuer, audience: resourceId })
    const claims = claimsOf(token)
    assert.deepEqual(verifier.verify(token), {
      ok: true,
      claims,
      identity: id,
      resourceId,
      scopes: ['chat'],
      expiresAtMs: claims.exp * 1000,
    })
    const elsewhere = createVerifier({ keys, issuer: 'https://elsewhere.example' })
    assert.deepEqual(elsewhere.verify(token), { ok: false, reason: 'wrong-issuer' })
  })

  function getPublic(path: string) {
    return send(world.origin, { method: 'GET', path })
  }
})

describe('a server that signs with RS256', () => {
  test('publishes an RSA key, verifies by it, and keeps the tokens of ES256 live', async () => {
    const dataDir = newDataDir()
    const fixed = { PARLEY_ISSUER: 'https://parley.example' }
    const before = await startWorld(dataDir, fixed)
    const tenant = await before.createTenant()
    const { identity, accessToken } = (
      await postIdentity(tenant, { createTokenWithScopes: ['chat'] })
    ).body
    await before.stop()

    const rsa = await startWorld(dataDir, { ...fixed, PARLEY_SIGNING_ALGORITHM: 'RS256' })
    const owner = rsa.adoptTenant(tenant)
    const token = await issueToken(owner, identity.id)
    const { body: keys } = await send(rsa.origin, { method: 'GET', path: '/.well-known/jwks.json' })
    const [rsaKey, ecKey] = keys.keys
    const { kid, n } = rsaKey
    assert.deepEqual(rsaKey, { kty: 'RSA', use: 'sig', alg: 'RS256', kid, e: 'AQAB', n })
    assert.equal(Buffer.from(n ?? '', 'base64url').length, 256)
    assert.equal(ecKey.alg, 'ES256')
    assert.deepEqual(decodeProtectedHeader(token), { alg: 'RS256', kid, typ: 'JWT' })
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys))
    assert.equal(payload.iss, 'https://parley.example')
    assert.deepEqual(await liveness(owner, [token, accessToken.token]), [true, true])
  })
})
