import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import type { Fault, RefusalReason } from '../contract/faults.ts'
import type { Access } from '../contract/operation.ts'
import { parseRole } from '../foundation/role.ts'
import { firstResource, type Resource } from '../resources/model.ts'
import { authenticateBearer, type BearerRequest, type CheckBearer } from './bearer.ts'

const entraToken = {
  issuer: 'https://login.example',
  tenantId: 't',
  objectId: 'ann',
  clientId: 'c',
  scopes: [],
  groups: [],
  expiresAtSeconds: 60,
}
const actor = 'bearer/https://login.example/ann'

/** A check that finds every JWT good, and these roles in it. */
function bearing(...roles: readonly string[]): CheckBearer {
  const assignments = roles.map(parseRole).filter((role) => role !== undefined)
  return async () => ok({ actor, roles: assignments, entraToken })
}

function resource(name: string, rest: Partial<Resource> = {}): Resource {
  return { ...firstResource, subscriptionId: 's', resourceId: `id of ${name}`, name, ...rest }
}

const [own, other] = [resource('own'), resource('other')]
const atOwn = '/subscriptions/s/resourceGroups/parley/providers/Microsoft.Communication'
const ownPath = `${atOwn}/communicationServices/own`

/** What comes of a bearer: who calls, or the fault. */
async function outcomeOf(
  access: Access,
  checkBearer: CheckBearer,
  rest: Partial<BearerRequest> = {},
  resources: readonly Resource[] = [own, other],
) {
  const place = { kind: 'resource', resource: own } as const
  const request = { token: 'a.b.c', access, place, params: {}, nowMs: 0, ...rest }
  const isAdminToken = (text: string) => text === 'admin'
  return authenticateBearer(request, { checkBearer, isAdminToken, resources })
}

const refused = (reason: RefusalReason) => fail<Fault>({ kind: 'caller-refused', reason })
const notAllowed = fail<Fault>({ kind: 'caller-not-allowed', actor })
const known = ok({ actor })

describe('the control plane', () => {
  const group = { subscriptionId: 'S', resourceGroupName: 'Parley' }
  const ofOwn = { ...group, communicationServiceName: 'Own' }
  const cases: readonly (readonly [Access, string, BearerRequest['params'], boolean])[] = [
    ['administrator', 'administrator', {}, true],
    ['administrator', 'administrator', ofOwn, true],
    ['administrator', 'administrator@/subscriptions/s', {}, false],
    ['administrator', 'administrator@/subscriptions/s', { subscriptionId: 'S' }, true],
    ['administrator', 'administrator@/subscriptions/s', { subscriptionId: 'S2' }, false],
    ['administrator', 'administrator@/subscriptions/s', ofOwn, true],
    ['administrator', `administrator@${ownPath}`, ofOwn, true],
    ['administrator', `administrator@${ownPath}`, group, false],
    ['administrator', 'reader', ofOwn, false],
    ['administrator', 'owner', ofOwn, false],
    ['administrator', 'contributor', ofOwn, false],
    ['reader', 'reader', {}, true],
    ['reader', 'reader@/subscriptions/s', ofOwn, true],
    ['reader', 'reader@/subscriptions/s', {}, false],
    ['reader', 'administrator', ofOwn, true],
    ['reader', 'owner', ofOwn, false],
  ]
  for (const [access, role, params, isAllowed] of cases) {
    const place = Object.values(params).join('/') || 'the root'
    test(`${isAllowed ? 'lets' : 'does not let'} ${role} be ${access} of ${place}`, async () => {
      const outcome = await outcomeOf(access, bearing(role), { params })
      assert.deepEqual(outcome, isAllowed ? known : notAllowed)
    })
  }

  test('takes the admin token everywhere, and no other text that is no JWT', async () => {
    for (const access of ['administrator', 'reader'] as const) {
      const admitted = await outcomeOf(access, bearing(), { token: 'admin' })
      assert.deepEqual(admitted, ok({ actor: 'admin-token' }))
      const outcome = await outcomeOf(access, bearing(), { token: 'admin ' })
      assert.deepEqual(outcome, refused('admin-token-differs'))
    }
  })

  test('is for nobody whose bearer is not good', async () => {
    const outcome = await outcomeOf('reader', async () => fail('bearer-expired'))
    assert.deepEqual(outcome, refused('bearer-expired'))
  })
})

describe('the data plane', () => {
  const owner = { resourceId: own.resourceId, accessKey: undefined, actor }

  test('does not take the admin token', async () => {
    const outcome = await outcomeOf('resource', bearing('owner'), { token: 'admin' })
    assert.deepEqual(outcome, refused('bearer-malformed'))
  })

  test('is for owners at the resource, without a key', async () => {
    assert.deepEqual(await outcomeOf('resource', bearing(`owner@${ownPath}`)), ok(owner))
    const outcome = await outcomeOf('resource', bearing('reader'))
    assert.deepEqual(outcome, refused('bearer-role-missing'))
  })

  test('is closed where the subscription is cancelled', async () => {
    const place = { kind: 'resource', resource: { ...own, isSubscriptionEnabled: false } } as const
    const outcome = await outcomeOf('resource', bearing('owner'), { place })
    assert.deepEqual(outcome, refused('subscription-disabled'))
  })

  test('is not where no resource is', async () => {
    const place = { kind: 'nowhere' } as const
    assert.deepEqual(
      await outcomeOf('resource', bearing('owner'), { place }),
      refused('host-unknown'),
    )
  })

  const anywhere = { place: { kind: 'anywhere' } } as const
  for (const [roles, expected] of [
    [[`owner@${ownPath}`], ok(owner)],
    [['owner'], ok({ ...owner, resourceId: other.resourceId })],
    [[], refused('bearer-role-missing')],
  ] as const) {
    test(`is where [${roles}] hold once, or first, in a place without names`, async () => {
      const outcome = await outcomeOf('resource', bearing(...roles), anywhere, [other, own])
      assert.deepEqual(outcome, expected)
    })
  }

  test('takes a person for what the token says, without any role', async () => {
    const outcome = await outcomeOf('entra-user', bearing())
    assert.deepEqual(outcome, ok({ resourceId: own.resourceId, entraToken }))
  })

  test('does not call a bearer bad whose issuer cannot be asked', async () => {
    const reason = 'bearer-issuer-unreachable'
    const outcome = await outcomeOf('resource', async () => fail(reason))
    assert.deepEqual(outcome, fail({ kind: 'issuer-unreachable', reason }))
  })
})
