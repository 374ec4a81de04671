import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import type { Access, EntraToken } from '../contract/operation.ts'
import type { RoleAssignment } from '../foundation/role.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import { authenticateBearer, type BearerRequest } from './bearer.ts'

const nowMs = Date.UTC(2026, 10, 22)
const subscriptionId = '22222222-2222-4222-8222-222222222222'

function resourceOf(name: string, changes: Partial<Resource> = {}): Resource {
  return {
    resourceId: `id of ${name}`,
    subscriptionId,
    resourceGroup: 'Group',
    name,
    dataLocation: 'Europe',
    isLocalAuthDisabled: false,
    isSubscriptionEnabled: true,
    ...changes,
  }
}

const [first, second, third] = [resourceOf('first'), resourceOf('second'), resourceOf('third')]
const entraToken: EntraToken = {
  issuer: 'https://issuer.example',
  tenantId: 'tenant',
  objectId: 'object',
  clientId: 'client',
  scopes: [],
  groups: [],
  expiresAtSeconds: nowMs / 1000 + 60,
}
const actor = 'bearer/https://issuer.example/subject'

interface Case {
  readonly roles?: readonly RoleAssignment[]
  readonly access?: Access
  readonly place?: BearerRequest['place']
  readonly params?: Readonly<Record<string, string>>
  readonly resources?: readonly Resource[]
  readonly token?: string
}

function judge(asked: Case) {
  const { roles = [], access = 'resource', resources = [first, second, third] } = asked
  const { place = { kind: 'anywhere' }, params = {}, token = 'a.b.c' } = asked
  return authenticateBearer(
    { token, access, place, params, nowMs },
    {
      resources,
      isAdminToken: (text) => text === 'the-admin-token',
      checkBearer: async (text, atMs) =>
        text === 'a.b.c' && atMs === nowMs
          ? ok({ actor, roles, entraToken })
          : fail('bearer-signature-differs'),
    },
  )
}

function refused(reason: string) {
  return fail({ kind: 'caller-refused', reason })
}

function ownerOf(resource: Resource): RoleAssignment {
  return { role: 'owner', place: printResourcePath(resource).toLowerCase() }
}

const everywhere = (role: RoleAssignment['role']): RoleAssignment => ({ role, place: '' })

function as({ resourceId }: Resource) {
  return ok({ resourceId, accessKey: undefined, actor })
}

describe('a bearer that is no JWT', () => {
  for (const access of ['administrator', 'reader'] as const) {
    test(`is the admin token or nothing, for the access of ${access}`, async () => {
      const known = await judge({ access, token: 'the-admin-token' })
      assert.deepEqual(known, ok({ actor: 'admin-token' }))
      const other = await judge({ access, token: 'another' })
      assert.deepEqual(other, refused('admin-token-differs'))
    })
  }

  for (const access of ['resource', 'entra-user'] as const) {
    test(`is never taken in the data plane, the admin token neither: ${access}`, async () => {
      const verdict = await judge({ access, token: 'the-admin-token' })
      assert.deepEqual(verdict, refused('bearer-malformed'))
    })
  }
})

describe('a JWT that does not hold', () => {
  for (const access of ['resource', 'entra-user', 'administrator', 'reader'] as const) {
    test(`is refused with the reason of its check: ${access}`, async () => {
      const verdict = await judge({ access, token: 'x.y.z', roles: [everywhere('administrator')] })
      assert.deepEqual(verdict, refused('bearer-signature-differs'))
    })
  }
})

describe('the owner of a resource', () => {
  test('is admitted at its host', async () => {
    const place = { kind: 'resource', resource: second } as const
    assert.deepEqual(await judge({ roles: [ownerOf(second)], place }), as(second))
  })

  test('is refused at the host of another', async () => {
    const place = { kind: 'resource', resource: first } as const
    const verdict = await judge({ roles: [ownerOf(second)], place })
    assert.deepEqual(verdict, refused('bearer-role-missing'))
  })

  test('is refused at a host that does not exist', async () => {
    const place = { kind: 'nowhere' } as const
    const verdict = await judge({ roles: [everywhere('owner')], place })
    assert.deepEqual(verdict, refused('host-unknown'))
  })

  test('means the one resource that its roles reach, where the host names none', async () => {
    assert.deepEqual(await judge({ roles: [ownerOf(third)] }), as(third))
  })

  test('of several means the first of the server, if that is one of them', async () => {
    assert.deepEqual(await judge({ roles: [everywhere('contributor')] }), as(first))
    const verdict = await judge({ roles: [ownerOf(second), ownerOf(third)] })
    assert.deepEqual(verdict, refused('bearer-role-missing'))
  })

  test('is refused while its subscription is cancelled', async () => {
    const cancelled = resourceOf('cancelled', { isSubscriptionEnabled: false })
    const place = { kind: 'resource', resource: cancelled } as const
    for (const access of ['resource', 'entra-user'] as const) {
      const verdict = await judge({ roles: [everywhere('owner')], access, place })
      assert.deepEqual(verdict, refused('subscription-disabled'))
    }
  })

  test('is admitted where access keys are switched off', async () => {
    const bearersOnly = resourceOf('bearers', { isLocalAuthDisabled: true })
    const verdict = await judge({ roles: [everywhere('owner')], resources: [bearersOnly] })
    assert.deepEqual(verdict, as(bearersOnly))
  })

  test('is refused where there is no resource', async () => {
    const verdict = await judge({ roles: [everywhere('owner')], resources: [] })
    assert.deepEqual(verdict, refused('host-unknown'))
  })
})

describe('a person', () => {
  test('needs no role, and brings the token along', async () => {
    const expected = ok({ resourceId: first.resourceId, entraToken })
    assert.deepEqual(await judge({ access: 'entra-user' }), expected)
  })

  test('means the first resource, whatever roles it has elsewhere', async () => {
    const { value } = (await judge({ access: 'entra-user', roles: [ownerOf(third)] })) as {
      readonly value: object
    }
    assert.deepEqual(value, { resourceId: first.resourceId, entraToken })
  })

  test('of a bearer without roles is not an owner', async () => {
    assert.deepEqual(await judge({ access: 'resource' }), refused('bearer-role-missing'))
  })
})

describe('an administrator', () => {
  const place = `/subscriptions/${subscriptionId}`
  const group = { subscriptionId, resourceGroupName: 'Group' }
  const one = { ...group, communicationServiceName: 'first' }
  const notAllowed = fail({ kind: 'caller-not-allowed', actor })
  const cases: readonly (readonly [string, Case, boolean])[] = [
    ['of all, at the installation', { roles: [everywhere('administrator')] }, true],
    ['of a subscription, there', { params: { subscriptionId } }, true],
    ['of a subscription, at a group of it', { params: group }, true],
    ['of a subscription, at a resource of it', { params: one }, true],
    ['of a subscription, at another', { params: { subscriptionId: 'other' } }, false],
    ['of a subscription, at the installation', {}, false],
  ]
  for (const [name, asked, isAdmitted] of cases) {
    test(`${name}, is ${isAdmitted ? 'admitted' : 'not allowed'}`, async () => {
      const roles = [{ role: 'administrator', place }] as const
      const verdict = await judge({ access: 'administrator', roles, ...asked })
      assert.deepEqual(verdict, isAdmitted ? ok({ actor }) : notAllowed)
    })
  }

  test('is not who may only read, nor who owns the resource', async () => {
    for (const role of ['reader', 'owner', 'contributor'] as const) {
      const verdict = await judge({
        access: 'administrator',
        roles: [everywhere(role)],
        params: one,
      })
      assert.deepEqual(verdict, notAllowed)
    }
  })

  test('may read, and a reader may too', async () => {
    for (const role of ['administrator', 'reader'] as const) {
      const verdict = await judge({ access: 'reader', roles: [everywhere(role)], params: one })
      assert.deepEqual(verdict, ok({ actor }))
    }
  })
})
