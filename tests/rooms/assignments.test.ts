/** Assignments: who may exchange an Entra token in a resource. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { listAuditEntries } from '@parley/server/audit/store'
import { serverLimits } from '@parley/server/contract/limits'
import { atOnce, told } from '../calls.ts'
import { assignmentPath, exchangeWorld, teamsAssignmentPath } from '../exchanges.ts'
import type { Answer, Tenant } from '../world.ts'

/** An assignment on the wire. */
interface Assignment {
  readonly objectId: string
  readonly tenantId: string
  readonly principalType: string
  readonly clientIds: readonly string[]
}

interface List {
  readonly value: readonly Assignment[]
  readonly nextLink?: string
}

async function newTenant(): Promise<Tenant> {
  return (await exchangeWorld()).createTenant()
}

function newAssignment(): Assignment {
  const [objectId, tenantId, clientId] = [randomUUID(), randomUUID(), randomUUID()]
  return { objectId, tenantId, principalType: 'user', clientIds: [clientId] }
}

function put(tenant: Tenant, { objectId, ...body }: Assignment): Promise<Answer> {
  return tenant.call({ method: 'PUT', path: assignmentPath(objectId), body })
}

function get(tenant: Tenant, objectId?: string): Promise<Answer> {
  return tenant.call({ method: 'GET', path: assignmentPath(objectId) })
}

const mergePatch = { 'content-type': 'application/merge-patch+json' }

function patch(tenant: Tenant, body: object, headers: Record<string, string> = mergePatch) {
  return tenant.call({ method: 'PATCH', path: assignmentPath(), body, headers })
}

function listOf(answer: Answer): List {
  assert.equal(answer.status, 200, answer.text)
  return answer.body as unknown as List
}

const unknown = {
  status: 404,
  body: { error: { code: 'NotFound', message: 'There is no such assignment.' } },
} as const

describe('an assignment of people', () => {
  test('is created, then replaced, read, and removed as often as one likes', async () => {
    const tenant = await newTenant()
    const first = newAssignment()
    const { objectId } = first
    const second = { ...newAssignment(), objectId, principalType: 'group' }
    assert.deepEqual(told(await get(tenant, objectId)), unknown)
    assert.deepEqual(told(await put(tenant, first)), { status: 201, body: first })
    assert.deepEqual(told(await put(tenant, second)), { status: 200, body: second })
    assert.deepEqual(told(await get(tenant, objectId)), { status: 200, body: second })
    assert.deepEqual(listOf(await get(tenant)), { value: [second] })
    const path = assignmentPath(objectId)
    for (const _ of [1, 2]) {
      const gone = await tenant.call({ method: 'DELETE', path })
      assert.deepEqual([gone.status, gone.text], [204, ''])
    }
    assert.deepEqual(told(await get(tenant, objectId)), unknown)
    assert.deepEqual(listOf(await get(tenant)), { value: [] })
  })

  test('is found whatever the case of its GUID', async () => {
    const tenant = await newTenant()
    const assignment = newAssignment()
    const capitals = { ...assignment, objectId: assignment.objectId.toUpperCase() }
    assert.deepEqual(told(await put(tenant, capitals)), { status: 201, body: assignment })
    assert.equal((await put(tenant, assignment)).status, 200)
    assert.deepEqual((await get(tenant, capitals.objectId)).body, assignment)
  })

  test('keeps ids that are no GUIDs as they are', async () => {
    const tenant = await newTenant()
    const objectId = `it's "A/B" \\ {c}, d`
    const tenantId = 'https://issuer.example/Folder'
    const assignment = { objectId, tenantId, principalType: 'user', clientIds: ['NULL', 'a,"b"'] }
    assert.equal((await put(tenant, assignment)).status, 201)
    assert.deepEqual((await get(tenant, objectId)).body, assignment)
  })

  test('is of its resource alone', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()]
    const assignment = newAssignment()
    await put(tenant, assignment)
    assert.deepEqual(told(await get(other, assignment.objectId)), unknown)
    assert.deepEqual(listOf(await get(other)), { value: [] })
    await other.call({ method: 'DELETE', path: assignmentPath(assignment.objectId) })
    assert.equal((await get(tenant, assignment.objectId)).status, 200)
  })

  test('is created by one of those who put it at once', async () => {
    const tenant = await newTenant()
    const assignment = newAssignment()
    const answers = await atOnce(12, (index) =>
      put(tenant, { ...assignment, tenantId: randomUUID(), clientIds: [`app-${index}`] }),
    )
    const statuses = answers.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [...new Array(11).fill(200), 201])
    assert.equal(listOf(await get(tenant)).value.length, 1)
  })

  const refused: readonly (readonly [string, object, string])[] = [
    ['no tenant', { tenantId: undefined }, 'TenantId'],
    ['no principal', { principalType: undefined }, 'PrincipalType'],
    ['no applications', { clientIds: undefined }, 'ClientIds'],
    ['applications that are none', { clientIds: 'a' }, 'ClientIds'],
    ['a principal that is none', { principalType: 'resourceAccount' }, 'PrincipalType'],
    ['a tenant of another name', { principalType: 'tenant' }, 'ObjectId'],
    ['a NUL', { tenantId: 'a\0' }, 'TenantId'],
  ]
  for (const [what, changes, target] of refused) {
    test(`is refused with ${what}: ${target}`, async () => {
      const tenant = await newTenant()
      const assignment = newAssignment()
      const answer = await put(tenant, { ...assignment, ...changes })
      const { code, target: told } = answer.body.error
      assert.deepEqual([answer.status, code, told], [400, 'ValidationError', target])
      assert.deepEqual(listOf(await get(tenant)), { value: [] })
    })
  }

  test('is not stored in a resource that is deleted meanwhile', async () => {
    const tenant = await newTenant()
    const { db } = await exchangeWorld()
    const { resourceId } = tenant
    await db`update resource set deleted_at = now() where resource_id = ${resourceId}`
    const { status, headers } = await put(tenant, newAssignment())
    assert.deepEqual([status, headers['x-parley-reason']], [401, 'resource-deleted'])
    const rows = await db`select 1 from entra_assignment where resource_id = ${resourceId}`
    assert.equal(rows.length, 0)
  })

  test('is set by a bearer with the role of an owner, and by no other', async () => {
    const { issuer, createTenant } = await exchangeWorld()
    const tenant = await createTenant()
    const assignment = newAssignment()
    const putAs = async (roles: readonly string[]) => {
      const authorization = `Bearer ${await issuer.token({ roles })}`
      const { objectId, ...body } = assignment
      const path = assignmentPath(objectId)
      return tenant.call({ method: 'PUT', path, body, headers: { authorization } })
    }
    assert.equal((await putAs(['reader'])).status, 401)
    assert.equal((await putAs(['owner'])).status, 201)
  })
})

describe('a patch of assignments', () => {
  test('adds, replaces and removes, and answers with what there is then', async () => {
    const tenant = await newTenant()
    const [kept, changed, gone, added] = [1, 2, 3, 4].map(newAssignment) as [
      Assignment,
      Assignment,
      Assignment,
      Assignment,
    ]
    for (const one of [kept, changed, gone]) await put(tenant, one)
    const { objectId: addedId, ...addedBody } = added
    const replaced = { ...newAssignment(), objectId: changed.objectId }
    const { objectId: changedId, ...replacedBody } = replaced
    const answer = await patch(tenant, {
      [addedId]: addedBody,
      [changedId]: replacedBody,
      [gone.objectId]: null,
      [randomUUID()]: null,
    })
    const { value } = listOf(answer)
    const byId = (list: readonly Assignment[]) =>
      [...list].sort((one, other) => (one.objectId < other.objectId ? -1 : 1))
    assert.deepEqual(byId(value), byId([kept, replaced, added]))
    assert.deepEqual(value, byId(value))
    assert.deepEqual(listOf(await get(tenant)).value, value)
  })

  test('that leaves nothing is answered 204', async () => {
    const tenant = await newTenant()
    const { objectId, ...body } = newAssignment()
    assert.equal((await patch(tenant, { [objectId]: body })).status, 200)
    const answer = await patch(tenant, { [objectId]: null })
    assert.deepEqual([answer.status, answer.text], [204, ''])
  })

  test('of which one member is wrong changes nothing', async () => {
    const tenant = await newTenant()
    const { objectId, ...body } = newAssignment()
    const wrong = { ...body, principalType: 'nobody' }
    const answer = await patch(tenant, { [objectId]: body, ann: wrong })
    assert.deepEqual([answer.status, answer.body.error.target], [400, 'Ann.principalType'])
    assert.deepEqual(listOf(await get(tenant)), { value: [] })
  })

  test('is a merge patch by its media type too', async () => {
    const answer = await patch(await newTenant(), {}, { 'content-type': 'application/json' })
    assert.equal(answer.status, 415)
  })
})

describe('the list of assignments', () => {
  const { assignmentsInPage, assignmentsMax } = serverLimits

  /** Stores assignments without asking the server one by one. */
  async function store(tenant: Tenant, count: number): Promise<void> {
    const { db } = await exchangeWorld()
    await db`
      insert into entra_assignment
        (resource_id, family, tenant_id, object_id, principal_type, client_ids, created_at)
      select ${tenant.resourceId}, 'entra', 'tenant', 'object ' || number, 'user', '{}', now()
      from generate_series(1, ${count}::int) as number
    `
  }

  for (const count of [assignmentsInPage, assignmentsInPage + 1, 2 * assignmentsInPage + 50]) {
    test(`of ${count} comes in pages without gaps or repetitions`, async () => {
      const tenant = await newTenant()
      await store(tenant, count)
      const found: string[] = []
      let [pages, path] = [0, assignmentPath()]
      while (path !== '') {
        const { value, nextLink } = listOf(await tenant.call({ method: 'GET', path }))
        assert.ok(value.length <= assignmentsInPage)
        found.push(...value.map(({ objectId }) => objectId))
        pages += 1
        const next = nextLink === undefined ? undefined : new URL(nextLink)
        if (next !== undefined) assert.equal(next.host, tenant.host)
        path = next === undefined ? '' : next.pathname + next.search
      }
      assert.deepEqual([found.length, new Set(found).size], [count, count])
      assert.equal(pages, Math.ceil(count / assignmentsInPage))
    })
  }

  for (const token of ['', '%00', 'AAAA', 'a&%24skipToken=b']) {
    test(`refuses a place that it never gave out: ${token || 'an empty one'}`, async () => {
      const tenant = await newTenant()
      const path = `${assignmentPath()}&%24skipToken=${token}`
      const { status, body } = await tenant.call({ method: 'GET', path })
      assert.deepEqual([status, body.error.code], [400, 'InvalidQueryParameter'])
    })
  }

  test('is full at its limit, where one can be replaced and none added', async () => {
    const tenant = await newTenant()
    await store(tenant, assignmentsMax)
    const { status, body } = await put(tenant, newAssignment())
    assert.deepEqual([status, body.error.code], [400, 'ValidationError'])
    assert.equal((await put(tenant, { ...newAssignment(), objectId: 'object 7' })).status, 200)
    const { objectId, ...added } = newAssignment()
    const exchanged = await patch(tenant, { 'object 7': null, [objectId]: added })
    assert.equal(exchanged.status, 200)
  })
})

describe('an assignment of the Teams extension', () => {
  test('is one for each tenant of the same object', async () => {
    const tenant = await newTenant()
    const [one, other, objectId] = [randomUUID(), randomUUID(), randomUUID()]
    const body = { principalType: 'user', clientIds: ['app'] }
    const call = (method: string, tenantId: string, content?: object) =>
      tenant.call({
        method,
        path: teamsAssignmentPath(tenantId, objectId),
        ...(content === undefined ? {} : { body: content }),
      })
    const stored = (tenantId: string) => ({ objectId, tenantId, ...body })
    assert.deepEqual(told(await call('PUT', one, body)), { status: 201, body: stored(one) })
    assert.deepEqual(told(await call('PUT', other, body)), { status: 201, body: stored(other) })
    assert.deepEqual(told(await call('PUT', one, body)), { status: 200, body: stored(one) })
    for (const _ of [1, 2]) assert.equal((await call('DELETE', one)).status, 204)
    assert.deepEqual(told(await call('GET', one)), unknown)
    assert.deepEqual(told(await call('GET', other)), { status: 200, body: stored(other) })
  })

  test('is of another family than that of people', async () => {
    const tenant = await newTenant()
    const assignment = newAssignment()
    await put(tenant, assignment)
    const path = teamsAssignmentPath(assignment.tenantId, assignment.objectId)
    assert.deepEqual(told(await tenant.call({ method: 'GET', path })), unknown)
    await tenant.call({ method: 'DELETE', path })
    assert.equal((await get(tenant, assignment.objectId)).status, 200)
  })

  const bodies: readonly (readonly [string, object, object])[] = [
    [
      'as the documentation writes it',
      { principalType: 'teamsResourceAccount' },
      { principalType: 'resourceAccount', clientIds: [] },
    ],
    [
      'as the samples write it',
      { principalType: 'User', tenantId: 'said twice', clientIds: ['app'] },
      { principalType: 'user', clientIds: ['app'] },
    ],
    [
      'with null for no application',
      { principalType: 'user', clientIds: null },
      { principalType: 'user', clientIds: [] },
    ],
  ]
  for (const [what, body, stored] of bodies) {
    test(`is taken ${what}`, async () => {
      const [tenantId, objectId] = [randomUUID(), randomUUID()]
      const path = teamsAssignmentPath(tenantId, objectId)
      const answer = await (await newTenant()).call({ method: 'PUT', path, body })
      assert.deepEqual(told(answer), { status: 201, body: { objectId, tenantId, ...stored } })
    })
  }
})

describe('a change of assignments in the audit log', () => {
  test('is told by who made it, where and by what; what changed nothing is not', async () => {
    const tenant = await newTenant()
    const { db, reachable } = await exchangeWorld()
    const { objectId, ...body } = newAssignment()
    await put(tenant, { objectId, ...body, principalType: 'nobody' })
    await put(tenant, { objectId, ...body })
    await put(tenant, { objectId, ...body })
    await patch(tenant, { [objectId]: null })
    await patch(tenant, { [objectId]: null })
    await tenant.call({ method: 'DELETE', path: assignmentPath(objectId) })
    const teams = teamsAssignmentPath(body.tenantId, objectId)
    await tenant.call({ method: 'PUT', path: teams, body: { principalType: 'user' } })
    await tenant.call({ method: 'DELETE', path: teams })
    const { resourceId } = tenant
    const [created, ...entries] = await listAuditEntries(db, {
      afterSeq: 0,
      entriesMax: 100,
      resourceId,
    })
    assert.equal(created?.operation, 'Parley_CreateResource')
    assert.deepEqual(
      entries.map(({ operation }) => operation),
      [
        'EntraIdAssignment_Upsert',
        'EntraIdAssignment_Upsert',
        'EntraIdAssignments_Update',
        'TeamsExtensionAssignment_Upsert',
        'TeamsExtensionAssignment_Delete',
      ],
    )
    const { subscriptionId, resourceGroup } = reachable
    for (const { actor, target } of entries) {
      assert.equal(actor, 'access-key/primary.1')
      assert.ok(target.startsWith(`/subscriptions/${subscriptionId}/resourceGroups/`))
      assert.ok(target.includes(String(resourceGroup)) && target.endsWith(`/${tenant.name}`))
    }
  })
})
