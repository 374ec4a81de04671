import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  atOnce,
  claimsOf,
  createIdentity,
  issueToken,
  postRevoke,
  postToken,
  told,
  validationError,
} from '../calls.ts'
import { send, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant } = world

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const inactive = '{"active":false}'

function introspect(tenant: Tenant, body: string | object, headers = {}) {
  return tenant.call({ method: 'POST', path: '/introspect', body, headers })
}

function ask(tenant: Tenant, token: string) {
  return introspect(tenant, new URLSearchParams({ token }).toString(), form)
}

async function newToken(tenant: Tenant): Promise<string> {
  return issueToken(tenant, await createIdentity(tenant))
}

describe('introspecting a live token', () => {
  test('tells what the token says, in the words of RFC 7662', async () => {
    const tenant = await createTenant()
    const sub = await createIdentity(tenant)
    const asked = { scopes: ['voip', 'chat'] }
    const { token } = (await postToken(tenant, sub, asked)).body
    const { exp, iat, iss, jti } = claimsOf(token)
    const { status, headers, body } = await ask(tenant, token)
    const expected = {
      active: true,
      scope: 'chat voip',
      token_type: 'Bearer',
      exp,
      iat,
      sub,
      aud: tenant.resourceId,
      iss,
      jti,
    }
    assert.deepEqual({ status, body }, { status: 200, body: expected })
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(headers['api-supported-versions'], undefined)
    assert.deepEqual((await ask(tenant, token)).body, expected)
  })

  const notes = ['token_type_hint=access_token', 'token_type_hint=refresh_token', 'note=a%20b']
  for (const note of notes) {
    test(`passes over ${note}`, async () => {
      const tenant = await createTenant()
      const token = await newToken(tenant)
      for (const body of [`token=${token}&${note}`, `${note}&token=${token}`]) {
        const answer = await introspect(tenant, body, form)
        assert.deepEqual([answer.status, answer.body.active], [200, true])
      }
    })
  }

  test('ends with the second of its expiry', async (t) => {
    const tenant = await createTenant()
    const token = await newToken(tenant)
    const endMs = claimsOf(token).exp * 1000
    for (const [atMs, isActive] of [
      [endMs - 1, true],
      [endMs, false],
      [endMs + 1, false],
    ] as const) {
      world.stopClock(t, atMs)
      assert.equal((await ask(tenant, token)).body.active, isActive)
    }
    assert.equal((await ask(tenant, token)).text, inactive)
  })
})

describe('introspecting anything else', () => {
  const bad: readonly (readonly [string, (token: string) => string])[] = [
    ['an empty text', () => ''],
    ['a word', () => 'token'],
    ['two dots', () => '..'],
    ['a token without its signature', (token) => token.slice(0, token.lastIndexOf('.') + 1)],
    ['a token with a changed signature', flipLast],
    ['a token with a changed payload', editPayload],
    ['a token without algorithm', withoutAlgorithm],
    ['a token with a space after it', (token) => `${token} `],
    ['9,000 characters', () => 'a'.repeat(9000)],
    ['characters of other scripts', () => 'жетон.жетон.жетон'],
  ]
  for (const [name, spoil] of bad) {
    test(`answers inactive and nothing else for ${name}`, async () => {
      const tenant = await createTenant()
      const { status, text } = await ask(tenant, spoil(await newToken(tenant)))
      assert.deepEqual([status, text], [200, inactive])
    })
  }

  test('answers inactive for the live token of another resource', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const token = await newToken(neighbour)
    assert.equal((await ask(neighbour, token)).body.active, true)
    assert.equal((await ask(tenant, token)).text, inactive)
    assert.equal((await introspect(tenant, { tokens: [token] })).text, `{"value":[${inactive}]}`)
  })

  test('answers inactive for a void token, seen before or not', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const [seen, unseen] = [await issueToken(tenant, id), await issueToken(tenant, id)]
    assert.equal((await ask(tenant, seen)).body.active, true)
    await postRevoke(tenant, id)
    assert.equal((await ask(tenant, seen)).text, inactive)
    assert.equal((await ask(tenant, unseen)).text, inactive)
  })

  function flipLast(token: string): string {
    const signature = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url')
    signature[40] = (signature[40] ?? 0) ^ 1
    return token.slice(0, token.lastIndexOf('.') + 1) + signature.toString('base64url')
  }

  function editPayload(token: string): string {
    const [header, , signature] = token.split('.')
    const claims = { ...claimsOf(token), acsScope: 'chat,voip' }
    return [header, encode(claims), signature].join('.')
  }

  function withoutAlgorithm(token: string): string {
    return `${encode({ alg: 'none', typ: 'JWT' })}.${token.split('.')[1]}.`
  }

  function encode(value: object): string {
    return Buffer.from(JSON.stringify(value)).toString('base64url')
  }
})

describe('introspecting several tokens', () => {
  test('answers each in its place', async () => {
    const tenant = await createTenant()
    const tokens = await atOnce(100, () => newToken(tenant))
    const asked = tokens.flatMap((token, index) =>
      Array.from({ length: 10 }, (_, copy) => (copy % 2 === 0 ? token : `garbage ${index}`)),
    )
    assert.equal(asked.length, 1000)
    const { status, body } = await introspect(tenant, { tokens: asked })
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body), ['value'])
    const seen = body.value.map(({ active, jti }: { active: boolean; jti?: string }) =>
      active ? jti : active,
    )
    const expected = asked.map((token) => (token.includes('.') ? claimsOf(token).jti : false))
    assert.deepEqual(seen, expected)
  })

  test('answers one in the same form as many', async () => {
    const tenant = await createTenant()
    const token = await newToken(tenant)
    const single = await ask(tenant, token)
    const { status, text } = await introspect(tenant, { tokens: [token] })
    assert.deepEqual([status, text], [200, `{"value":[${single.text}]}`])
  })

  const counts = [
    [0, 'Tokens: Expected array length to be greater or equal to 1.'],
    [1, undefined],
    [1000, undefined],
    [1001, 'Tokens: Expected array length to be less or equal to 1000.'],
  ] as const
  for (const [count, refusal] of counts) {
    test(`${refusal === undefined ? 'takes' : 'refuses'} ${count}`, async () => {
      const tenant = await createTenant()
      const answer = await introspect(tenant, { tokens: new Array(count).fill('none') })
      if (refusal !== undefined) {
        assert.deepEqual(told(answer), validationError('Tokens', refusal))
        return
      }
      const value = new Array(count).fill({ active: false })
      assert.deepEqual(told(answer), { status: 200, body: { value } })
    })
  }

  test('takes 1,000 tokens of 8 KiB', async () => {
    const tenant = await createTenant()
    const tokens = new Array(1000).fill('a'.repeat(8192))
    const answer = await introspect(tenant, { tokens })
    assert.deepEqual([answer.status, answer.body.value.length], [200, 1000])
  })
})

describe('a request to introspect', () => {
  const mediaTypes = 'Content-Type must be application/x-www-form-urlencoded or application/json.'
  const unsupported = {
    status: 415,
    body: { error: { code: 'UnsupportedMediaType', message: mediaTypes } },
  }
  const json = { 'content-type': 'application/json' }
  const text = { 'content-type': 'text/plain' }
  const missing = (field: string) => validationError(field, `${field}: Expected required property.`)
  const cases: readonly (readonly [string, string, object, ReturnType<typeof told>])[] = [
    ['without a token', 'token_type_hint=access_token', form, missing('Token')],
    ['with a token of another case', 'Token=a', form, missing('Token')],
    [
      'with the token twice',
      'token=a&token=b',
      form,
      validationError('Token', 'Token: The parameter stands twice.'),
    ],
    [
      'with a note twice',
      'token=a&n=1&n=1',
      form,
      validationError('N', 'N: The parameter stands twice.'),
    ],
    ['without a body as a form', '', form, missing('Token')],
    ['without tokens in JSON', '{}', json, missing('Tokens')],
    ['of another content type', 'token=a', text, unsupported],
    ['without content type', 'token=a', { 'content-type': '' }, unsupported],
    [
      'with a token that is no text',
      '{"tokens":["a",7]}',
      json,
      validationError('Tokens[1]', 'Tokens[1]: Expected string, found number.'),
    ],
    [
      'with one token in JSON',
      '{"token":"a"}',
      json,
      {
        status: 400,
        body: {
          error: {
            code: 'ValidationError',
            message: 'Tokens: Expected required property.',
            target: 'Tokens',
            details: [
              missing('Tokens').body,
              validationError('Token', 'Token: Unexpected property.').body,
            ].map((body) => (body as { error: object }).error),
          },
        },
      },
    ],
  ]
  for (const [name, body, headers, expected] of cases) {
    test(`is refused ${name}`, async () => {
      const tenant = await createTenant()
      assert.deepEqual(told(await introspect(tenant, body, headers)), expected)
    })
  }

  test('is refused without a signature', async () => {
    const request = { method: 'POST', path: '/introspect', body: 'token=a', headers: form }
    const { status, body } = await send(world.origin, request)
    const error = { code: 'Denied', message: 'Denied by the resource provider.' }
    assert.deepEqual({ status, body }, { status: 401, body: { error } })
  })
})
