import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AccessTokenClaims, fail, ok, type Scope } from '@parley/protocol'
import type { Accepted, Reason, Verdict } from '@parley/verifier'
import type { RefusalReason } from '../contract/faults.ts'
import { firstResource, type Resource } from '../resources/model.ts'
import { authenticateUser, type UserRequest } from './access-token.ts'

const resourceId = '11111111-1111-4111-8111-111111111111'
const identityId = '22222222-2222-4222-8222-222222222222'
const rawId = `8:acs:${resourceId}_${identityId}`
const own: Resource = { ...firstResource, subscriptionId: 's', resourceId, name: 'own' }
const other: Resource = { ...own, resourceId: identityId, name: 'other' }

function accepted(scopes: readonly Scope[]): Accepted {
  const claims = {} as AccessTokenClaims
  return { ok: true, claims, identity: rawId, resourceId, scopes, expiresAtMs: 60_000 }
}

/** What comes of a token that the verifier says this of. */
function outcomeOf(
  verdict: Verdict,
  request: Partial<UserRequest> = {},
  resource: Resource | undefined = own,
) {
  const scopes: readonly Scope[] = ['chat', 'chat.join']
  return authenticateUser(
    { token: 'a.b.c', place: { kind: 'anywhere' }, scopes, ...request },
    { verifier: { verify: () => verdict }, resources: { find: () => resource } },
  )
}

const refused = (reason: RefusalReason) => fail({ kind: 'caller-refused', reason })
const notOpen = fail({ kind: 'user-not-allowed', reason: 'scope' })

describe('an access token', () => {
  test('that is live says who calls, and what else it opens', () => {
    const caller = { resourceId, identityId, rawId, scopes: ['voip', 'chat'], expiresAtMs: 60_000 }
    assert.deepEqual(outcomeOf(accepted(['voip', 'chat'])), ok({ ...caller, subjects: [] }))
  })

  const scopes: readonly (readonly [Scope, readonly Scope[] | undefined, boolean])[] = [
    ['chat', ['chat'], true],
    ['chat.join', ['chat'], false],
    ['chat.join', ['chat', 'chat.join'], true],
    ['voip', ['chat', 'chat.join', 'chat.join.limited'], false],
    ['voip', undefined, true],
    ['chat', [], false],
  ]
  for (const [scope, open, isAdmitted] of scopes) {
    const what = open === undefined ? 'any token' : `[${open.join(', ')}]`
    test(`with ${scope} ${isAdmitted ? 'opens' : 'does not open'} what is open to ${what}`, () => {
      const outcome = outcomeOf(accepted([scope]), { scopes: open })
      if (isAdmitted) assert.equal(outcome.ok, true)
      else assert.deepEqual(outcome, notOpen)
    })
  }

  const reasons: readonly (readonly [Reason, RefusalReason])[] = [
    ['void', 'access-token-void'],
    ['expired', 'access-token-expired'],
    ['bad-signature', 'access-token-invalid'],
    ['malformed', 'access-token-invalid'],
    ['wrong-issuer', 'access-token-invalid'],
  ]
  for (const [reason, expected] of reasons) {
    test(`that the verifier calls ${reason} is refused as ${expected}`, () => {
      assert.deepEqual(outcomeOf({ ok: false, reason } as Verdict), refused(expected))
    })
  }

  test('is refused at the host of another resource, and taken at its own', () => {
    const at = (resource: Resource) => ({ place: { kind: 'resource', resource } as const })
    assert.equal(outcomeOf(accepted(['chat']), at(own)).ok, true)
    const elsewhere = refused('access-token-elsewhere')
    assert.deepEqual(outcomeOf(accepted(['chat']), at(other)), elsewhere)
    const nowhere = outcomeOf(accepted(['chat']), { place: { kind: 'nowhere' } })
    assert.deepEqual(nowhere, refused('host-unknown'))
  })

  test('is refused where its subscription is cancelled', () => {
    const disabled = outcomeOf(accepted(['chat']), {}, { ...own, isSubscriptionEnabled: false })
    assert.deepEqual(disabled, refused('subscription-disabled'))
  })
})
