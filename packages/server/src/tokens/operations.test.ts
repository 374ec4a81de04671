import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { type Call, PrintedJson } from '../contract/operation.ts'
import type { CreateCall } from '../identities/operations.ts'
import type { IssueToken, TokenAsk } from './issue.ts'
import { checkCreateTerms, tokenOperations } from './operations.ts'

const resourceId = '11111111-1111-4111-8111-111111111111'
const identityId = '22222222-2222-7222-8222-222222222222'
const id = `8:acs:${resourceId}_${identityId}`
const caller = { resourceId, accessKey: { slot: 'primary', generation: 1 }, actor: 'a' } as const
const nowMs = 1_700_000_000_999
const window = { issuedAtSeconds: 1_700_000_000, expiresAtSeconds: 1_700_003_600 }
const wireToken = { token: 'a.b.c', expiresOn: '2023-11-14T23:13:20.0000000+00:00' }
const notOwned = fail({ kind: 'identity-not-owned' } as const)

/** Issues one token for everything that is asked, and remembers what was. */
function issuer() {
  const asks: TokenAsk[] = []
  const issueToken: IssueToken = async (ask) => {
    asks.push(ask)
    return ok({ token: 'a.b.c', expiresAtMs: ask.terms.window.expiresAtSeconds * 1000 })
  }
  return { asks, issueToken }
}

const call: Call = {
  caller,
  params: { id },
  query: {},
  headers: { 'x-parley-device': 'phone' },
  requestId: '',
  body: { scopes: ['voip', 'chat'], expiresInMinutes: 60 },
  version: '2023-10-01',
  nowMs,
}

async function issue(changes: Partial<Call>, which = 0) {
  const { asks, issueToken } = issuer()
  const operation = tokenOperations(issueToken)[which]
  const outcome = await operation?.handle({ ...call, ...changes })
  return { outcome: outcome?.ok ? ok(onTheWire(outcome.value)) : outcome, asks }
}

/** A reply's body as the client reads it, printed already or not. */
function onTheWire(body: unknown): unknown {
  return JSON.parse(body instanceof PrintedJson ? String(body.text) : JSON.stringify(body))
}

describe('issuing a token to an identity', () => {
  test('asks for it on the terms of the request, and prints it', async () => {
    assert.deepEqual(await issue({}), {
      outcome: ok(wireToken),
      asks: [{ caller, identityId, terms: { scopes: ['chat', 'voip'], window }, device: 'phone' }],
    })
  })

  test('answers with the id as well in the first preview', async () => {
    const { outcome } = await issue({ version: '2020-07-20-preview2' }, 1)
    assert.deepEqual(outcome, ok({ id, ...wireToken }))
  })

  const strangers = [
    ['of another resource', `8:acs:33333333-3333-4333-8333-333333333333_${identityId}`],
    ['that is none', 'ann'],
    ['of another kind', `8:orgid:${identityId}`],
    ['with upper case in it', id.toUpperCase()],
    ['that is empty', ''],
  ] as const
  for (const [which, stranger] of strangers) {
    test(`is refused for an id ${which} as for one that does not exist`, async () => {
      const expected = { outcome: notOwned, asks: [] }
      assert.deepEqual(await issue({ params: { id: stranger } }), expected)
    })
  }

  test('judges the terms before the identity, and asks nothing when they are bad', async () => {
    const bad: readonly (readonly [body: unknown, fault: unknown])[] = [
      [{}, { kind: 'scopes-missing', field: 'Scopes' }],
      [{ scopes: null }, { kind: 'scopes-missing', field: 'Scopes' }],
      [{ scopes: [] }, { kind: 'scopes-missing', field: 'Scopes' }],
      [
        { scopes: ['chat'], expiresInMinutes: 59 },
        { kind: 'lifetime-out-of-range', minutes: 59 },
      ],
    ]
    for (const [body, fault] of bad) {
      const expected = { outcome: fail(fault), asks: [] }
      assert.deepEqual(await issue({ body, params: { id: 'ann' } }), expected)
    }
  })

  test('passes on why no token was issued', async () => {
    const refusal = fail({ kind: 'caller-refused', reason: 'key-superseded' } as const)
    for (const operation of tokenOperations(async () => refusal)) {
      assert.deepEqual(await operation.handle(call), refusal)
    }
  })
})

describe('a token that is asked for with a new identity', () => {
  const create: CreateCall = {
    ...call,
    version: '2023-10-01',
    caller,
    body: { createTokenWithScopes: ['voip', 'chat'], expiresInMinutes: 60 },
  }

  test('is issued on those terms once the identity exists', async () => {
    const { asks, issueToken } = issuer()
    const ticket = checkCreateTerms(create, issueToken)
    assert.ok(ticket.ok)
    assert.deepEqual(asks, [])
    assert.deepEqual(await ticket.value?.(identityId), ok(wireToken))
    const terms = { scopes: ['chat', 'voip'], window }
    assert.deepEqual(asks, [{ caller, identityId, terms, device: 'phone' }])
  })

  for (const createTokenWithScopes of [undefined, null, []]) {
    const body = createTokenWithScopes === undefined ? {} : { createTokenWithScopes }
    test(`is none for ${JSON.stringify(body)}`, () => {
      const { issueToken } = issuer()
      assert.deepEqual(checkCreateTerms({ ...create, body }, issueToken), ok(undefined))
    })
  }

  test('is refused by its scopes, under the name that they have here', () => {
    const body = { createTokenWithScopes: ['chat', 'sms'] }
    const field = 'CreateTokenWithScopes'
    assert.deepEqual(
      checkCreateTerms({ ...create, body }, issuer().issueToken),
      fail({ kind: 'scope-unknown', field, scope: 'sms', version: '2023-10-01' }),
    )
  })

  test('is refused by its lifetime', () => {
    const body = { createTokenWithScopes: ['chat'], expiresInMinutes: 1441 }
    assert.deepEqual(
      checkCreateTerms({ ...create, body }, issuer().issueToken),
      fail({ kind: 'lifetime-out-of-range', minutes: 1441 }),
    )
  })

  test('passes on why it was not issued', async () => {
    const ticket = checkCreateTerms(create, async () => notOwned)
    assert.deepEqual(ticket.ok && (await ticket.value?.(identityId)), notOwned)
  })
})
