import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { claimsOf, createIdentity, identityPath, told, validationError, version } from '../calls.ts'
import { send, type Tenant, theWorld } from '../world.ts'

const { createTenant, origin, db } = await theWorld()

const path = `/identities?api-version=${version}`
const json = { 'content-type': 'application/json' }

function post(tenant: Tenant, body: string | Buffer, headers: Record<string, string> = json) {
  return tenant.call({ method: 'POST', path, body, headers })
}

async function assertNothingCreated(tenant: Tenant): Promise<void> {
  const rows = await db`select from identity where resource_id = ${tenant.resourceId}`
  assert.equal(rows.length, 0)
}

function error(status: number, code: string, message: string) {
  return { status, body: { error: { code, message } } }
}

const notJson = error(422, 'UnprocessableEntity', 'The body is not valid JSON.')
const notObject = (found: string) =>
  validationError('Body', `Body: Expected object, found ${found}.`)
const mediaType = error(415, 'UnsupportedMediaType', 'Content-Type must be application/json.')

describe('a body that is not JSON', () => {
  const bodies: readonly (readonly [string, string | Buffer])[] = [
    ['an open brace', '{'],
    ['a word', 'hello'],
    ['a trailing comma', '{"expiresInMinutes":60,}'],
    ['two values', '{}{}'],
    ['a comment', '{/* none */}'],
    ['only spaces', '   '],
    ['a byte order mark alone', Buffer.from('efbbbf', 'hex')],
    ['bytes that are no UTF-8', Buffer.from('7b22ff223a317d', 'hex')],
    ['NaN', '{"expiresInMinutes":NaN}'],
  ]
  for (const [name, body] of bodies) {
    test(`is answered 422: ${name}`, async () => {
      const tenant = await createTenant()
      assert.deepEqual(told(await post(tenant, body)), notJson)
      await assertNothingCreated(tenant)
    })
  }
})

describe('a body of another shape', () => {
  const unexpected = (field: string) => validationError(field, `${field}: Unexpected property.`)
  const bodies: readonly (readonly [string, ReturnType<typeof told>])[] = [
    ['null', notObject('null')],
    ['[]', notObject('array')],
    ['"chat"', notObject('string')],
    ['7', notObject('number')],
    ['true', notObject('boolean')],
    ['{"scopes":["chat"]}', unexpected('Scopes')],
    ['{"CreateTokenWithScopes":["chat"]}', unexpected('CreateTokenWithScopes')],
    ['{"":1}', validationError('Body', 'Body: Unexpected property.')],
    ['{"__proto__":{"createTokenWithScopes":["chat"]}}', unexpected('__proto__')],
    ['{"constructor":{}}', unexpected('Constructor')],
    [
      '{"createTokenWithScopes":"chat"}',
      validationError(
        'CreateTokenWithScopes',
        'CreateTokenWithScopes: Expected array, found string.',
      ),
    ],
    [
      '{"createTokenWithScopes":{"0":"chat"}}',
      validationError(
        'CreateTokenWithScopes',
        'CreateTokenWithScopes: Expected array, found object.',
      ),
    ],
    [
      '{"expiresInMinutes":[]}',
      validationError('ExpiresInMinutes', 'ExpiresInMinutes: Expected integer, found array.'),
    ],
    [
      '{"expiresInMinutes":1e400}',
      validationError('ExpiresInMinutes', 'ExpiresInMinutes: Expected integer, found number.'),
    ],
  ]
  for (const [body, expected] of bodies) {
    test(`is answered 400: ${body}`, async () => {
      const tenant = await createTenant()
      assert.deepEqual(told(await post(tenant, body)), expected)
      await assertNothingCreated(tenant)
    })
  }

  test('is answered 400 with each of its faults', async () => {
    const tenant = await createTenant()
    const { status, body } = await post(tenant, '{"a":1,"expiresInMinutes":"60"}')
    const targets = body.error.details.map((one) => String(one.target))
    assert.deepEqual([status, targets.sort()], [400, ['A', 'ExpiresInMinutes']])
    const { details: _, ...first } = body.error
    assert.deepEqual(body.error.details[0], first)
  })

  for (const [name, scopes] of [
    ['scopes that hold null', '["chat",null]'],
    ['scopes that hold a list', '[["chat"]]'],
    ['33 scopes', JSON.stringify(new Array(33).fill('chat'))],
    ['10,000 lists in each other', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ] as const) {
    test(`is answered 400: ${name}`, async () => {
      const tenant = await createTenant()
      const answer = await post(tenant, `{"createTokenWithScopes":${scopes}}`)
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'ValidationError'])
      assert.match(answer.body.error.target, /^CreateTokenWithScopes/)
      await assertNothingCreated(tenant)
    })
  }

  test('with a field twice counts as its last one says', async () => {
    const tenant = await createTenant()
    const asked = '{"createTokenWithScopes":["voip"],"createTokenWithScopes":["chat"]}'
    const { status, body } = await post(tenant, asked)
    assert.deepEqual([status, claimsOf(body.accessToken.token).acsScope], [201, 'chat'])
  })

  test('is refused where an operation takes none', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const revoke = { method: 'POST', path: identityPath(id, '/:revokeAccessTokens') }
    const refused = await tenant.call({ ...revoke, body: '{"all":true}', headers: json })
    assert.deepEqual(told(refused), validationError('All', 'All: Unexpected property.'))
    assert.equal((await tenant.call({ ...revoke, body: '{}', headers: json })).status, 204)
  })
})

describe('the content type', () => {
  const types = [
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['Application/JSON', true],
    ['application/json ;charset=utf-8', true],
    ['', false],
    ['text/plain', false],
    ['application/jsonp', false],
    ['application/x-www-form-urlencoded', false],
    ['application/merge-patch+json', false],
    ['json', false],
  ] as const
  for (const [type, accepted] of types) {
    test(`${accepted ? 'may' : 'may not'} be '${type}'`, async () => {
      const tenant = await createTenant()
      const answer = await post(tenant, '{}', { 'content-type': type })
      if (accepted) return assert.equal(answer.status, 201)
      assert.deepEqual(told(answer), mediaType)
      await assertNothingCreated(tenant)
    })
  }

  test('does not matter without a body', async () => {
    for (const type of ['', 'text/plain', 'application/xml']) {
      const tenant = await createTenant()
      assert.equal((await post(tenant, '', { 'content-type': type })).status, 201)
    }
  })
})

describe('the content encoding', () => {
  for (const encoding of ['gzip', 'br', 'GZIP', 'identity, gzip']) {
    test(`may not be '${encoding}'`, async () => {
      const tenant = await createTenant()
      const answer = await post(tenant, gzipSync('{}'), { ...json, 'content-encoding': encoding })
      const message = 'Content-Encoding must be identity or absent.'
      assert.deepEqual(told(answer), error(415, 'UnsupportedMediaType', message))
      assert.equal(answer.headers['accept-encoding'], 'identity')
      await assertNothingCreated(tenant)
    })
  }

  test("may be 'identity'", async () => {
    const tenant = await createTenant()
    const answer = await post(tenant, '{}', { ...json, 'content-encoding': 'identity' })
    assert.equal(answer.status, 201)
  })
})

describe('the size of a body', () => {
  const limit = 64 * 1024
  const tooLarge = error(413, 'RequestEntityTooLarge', `The body exceeds ${limit} bytes.`)

  test('may be 64 KiB', async () => {
    const tenant = await createTenant()
    assert.equal((await post(tenant, `{}${' '.repeat(limit - 2)}`)).status, 201)
  })

  for (const bytes of [limit + 1, 200_000]) {
    test(`may not be ${bytes} bytes`, async () => {
      const tenant = await createTenant()
      const answer = await post(tenant, ' '.repeat(bytes))
      assert.deepEqual(told(answer), tooLarge)
      assert.equal(answer.headers['connection'], 'close')
      await assertNothingCreated(tenant)
    })
  }

  test('may not be over 64 KiB in chunks either', async () => {
    const { status, text } = await sendChunks(new Array(9).fill(' '.repeat(8 * 1024)))
    assert.deepEqual({ status, body: JSON.parse(text) }, tooLarge)
  })

  test('may be 9 MiB to introspect, and no more', async () => {
    const request = { method: 'POST', path: '/introspect', headers: json }
    const tenant = await createTenant()
    const max = 9 * 1024 * 1024
    const body = '{"tokens":["a"]}'
    const good = await tenant.call({ ...request, body: body.padEnd(max) })
    assert.deepEqual([good.status, good.body], [200, { value: [{ active: false }] }])
    const headers = { ...json, 'content-length': String(max + 1), expect: '100-continue' }
    const answer = await send(origin, { ...request, headers })
    assert.equal(answer.status, 413)
  })

  function sendChunks(chunks: readonly string[]): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { ...json, 'transfer-encoding': 'chunked' }
      const sent = httpRequest(`${origin}${path}`, { method: 'POST', headers }, (response) => {
        let text = ''
        response.on('data', (data: Buffer) => {
          text += data.toString()
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      sent.on('error', reject)
      for (const chunk of chunks) sent.write(chunk)
      sent.end()
    })
  }
})
