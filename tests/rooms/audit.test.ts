import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hashOf } from '@parley/server/audit/model'
import { parseChainHead, verifyAuditLog } from '@parley/server/audit/verification'
import { callAdmin } from '../administrator.ts'
import { atOnce, createIdentity, deleteIdentity, postRevoke, told } from '../calls.ts'
import { type Answer, newDataDir, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const shared = await theWorld()
const { createTenant, db } = shared

interface Entry {
  readonly seq: number
  readonly at: string
  readonly actor: string
  readonly operation: string
  readonly target: string
  readonly resourceId?: string
  readonly requestId: string
  readonly hash: string
}

interface Page {
  readonly value: readonly Entry[]
  readonly nextLink?: string
}

function getEntries(query: string, world: World = shared): Promise<Answer> {
  return callAdmin(world, { method: 'GET', path: `/parley/auditEntries${query}` })
}

/** The entries about a resource, but for the first: that it was made. */
async function entriesOf(tenant: Tenant): Promise<readonly Entry[]> {
  const { status, body } = await getEntries(`?resourceId=${tenant.resourceId}`)
  assert.equal(status, 200)
  const [made, ...entries] = (body as unknown as Page).value
  assert.equal(made?.operation, 'Parley_CreateResource')
  return entries
}

/** What an entry says, but for its place in the chain. */
function said({ actor, operation, target, resourceId, requestId }: Entry) {
  return { actor, operation, target, resourceId, requestId }
}

async function pathOf(tenant: Tenant): Promise<string> {
  const [row] = await db<{ subscription_id: string; resource_group: string; name: string }[]>`
    select subscription_id, resource_group, name
    from resource
    where resource_id = ${tenant.resourceId}
  `
  const group = `/subscriptions/${row?.subscription_id}/resourceGroups/${row?.resource_group}`
  return `${group}/providers/Microsoft.Communication/communicationServices/${row?.name}`
}

describe('a voiding in the audit log', () => {
  test('is who did it to which resource, in which request, and not to whom', async (t) => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    shared.stopClock(t, 1_800_000_000_123)
    const revoked = await postRevoke(tenant, id)
    const deleted = await deleteIdentity(tenant, id)
    assert.deepEqual([revoked.status, deleted.status], [204, 204])
    const { resourceId } = tenant
    const target = await pathOf(tenant)
    const entries = await entriesOf(tenant)
    const common = { actor: 'access-key/primary.1', target, resourceId }
    assert.deepEqual(entries.map(said), [
      {
        ...common,
        operation: 'CommunicationIdentity_RevokeAccessTokens',
        requestId: revoked.headers['x-ms-request-id'],
      },
      {
        ...common,
        operation: 'CommunicationIdentity_Delete',
        requestId: deleted.headers['x-ms-request-id'],
      },
    ])
    assert.equal(entries[0]?.at, '2027-01-15T08:00:00.1230000+00:00')
    assert.ok(!JSON.stringify(entries).includes(id.slice(43)))
  })

  test('is one entry a request, however many share a statement', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const answers = await atOnce(20, () => postRevoke(tenant, id))
    const requestIds = answers.map(({ status, headers }) => {
      assert.equal(status, 204)
      return headers['x-ms-request-id']
    })
    const entries = await entriesOf(tenant)
    assert.deepEqual(entries.map((entry) => entry.requestId).sort(), requestIds.sort())
  })

  test('is absent where nothing was voided', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    assert.equal((await deleteIdentity(tenant, id)).status, 204)
    assert.equal((await deleteIdentity(tenant, id)).status, 401)
    assert.equal((await postRevoke(tenant, id)).status, 401)
    assert.equal((await postRevoke(await createTenant(), id)).status, 401)
    assert.deepEqual(
      (await entriesOf(tenant)).map((entry) => entry.operation),
      ['CommunicationIdentity_Delete'],
    )
  })

  test('of one identity by many at once is the act of the one that deleted it', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const answers = await atOnce(8, () => deleteIdentity(tenant, id))
    const done = answers.filter(({ status }) => status === 204)
    const entries = await entriesOf(tenant)
    assert.deepEqual(
      entries.map((entry) => entry.requestId),
      done.map(({ headers }) => headers['x-ms-request-id']),
    )
    assert.equal(done.length, 1)
  })

  test('commits with its cut-off or not at all', async () => {
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const id = await createIdentity(tenant)
    await own.db`alter table audit_entry add constraint refused check (seq < 3) not valid`
    assert.equal((await postRevoke(tenant, id)).status, 500)
    const [row] = await own.db`
      select
        (select generation from identity where resource_id = ${tenant.resourceId}) as generation,
        (select count(*) from revocation_event where kind = 'identity') as events,
        (select last_seq from audit_head) as last_seq`
    assert.deepEqual(row, { generation: 1, events: 0, last_seq: 2 })
    await own.db`alter table audit_entry drop constraint refused`
    assert.equal((await postRevoke(tenant, id)).status, 204)
    await own.stop()
  })
})

describe('reading the audit log', () => {
  test('goes from page to page by absolute links', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    for (let count = 0; count < 5; count++) assert.equal((await postRevoke(tenant, id)).status, 204)
    const all = await entriesOf(tenant)
    const seen: Entry[] = []
    const sizes: number[] = []
    let path: string | undefined =
      `/parley/auditEntries?resourceId=${tenant.resourceId.toUpperCase()}&maxPageSize=2`
    while (path !== undefined) {
      const answer = await callAdmin(shared, { method: 'GET', path })
      const page = answer.body as unknown as Page
      seen.push(...page.value)
      sizes.push(page.value.length)
      const { nextLink } = page
      assert.ok(nextLink === undefined || nextLink.startsWith(shared.parley.endpoint))
      path = nextLink?.slice(shared.parley.endpoint.length - 1)
    }
    assert.deepEqual(sizes, [2, 2, 2])
    assert.deepEqual(seen.slice(1), all)
  })

  const invalid = [
    ['maxPageSize=0', 'maxPageSize', 'a whole number, 1..1000'],
    ['maxPageSize=1001', 'maxPageSize', 'a whole number, 1..1000'],
    ['maxPageSize=1&maxPageSize=2', 'maxPageSize', 'a whole number, 1..1000'],
    ['after=-1', 'after', 'a whole number, 0..9007199254740991'],
    ['after=1e3', 'after', 'a whole number, 0..9007199254740991'],
    ['resourceId=parley', 'resourceId', 'the GUID of a resource'],
  ] as const
  for (const [query, target, expected] of invalid) {
    test(`refuses ?${query}`, async () => {
      const message = `${target} must be ${expected}.`
      const error = { code: 'InvalidQueryParameter', message, target }
      assert.deepEqual(told(await getEntries(`?${query}`)), { status: 400, body: { error } })
    })
  }

  test('is for administrators', async () => {
    const tenant = await createTenant()
    const path = '/parley/auditEntries'
    assert.equal((await tenant.call({ method: 'GET', path })).status, 401)
    const headers = { authorization: 'Bearer guessed' }
    assert.equal((await callAdmin(shared, { method: 'GET', path, headers })).status, 401)
    assert.equal((await callAdmin(shared, { method: 'DELETE', path })).status, 405)
  })
})

describe('verifying the audit log from outside', () => {
  const verify = (world: World, expect?: string) =>
    verifyAuditLog({
      url: `${world.parley.endpoint}parley/auditEntries?maxPageSize=2`,
      expected: expect === undefined ? undefined : parseChainHead(expect),
      readPage: async (url) => {
        const path = url.slice(world.parley.endpoint.length - 1)
        return (await callAdmin(world, { method: 'GET', path })).body
      },
    })

  test('finds what was changed, removed, inserted and cut off', async () => {
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const id = await createIdentity(tenant)
    // Two acts before: the resource of the first start, and that of the tenant.
    const begun = await verify(own)
    assert.ok(begun.ok && begun.value.seq === 2)
    for (let count = 0; count < 5; count++) await postRevoke(tenant, id)
    const whole = await verify(own)
    assert.ok(whole.ok)
    const head = `${whole.value.seq}:${whole.value.hash}`
    assert.equal(whole.value.seq, 7)
    assert.deepEqual(await verify(own, head), whole)
    assert.deepEqual(await verify(own, `7:${'ab'.repeat(32)}`), {
      ok: false,
      fault: { kind: 'head-differs', seq: 7 },
    })

    const { db } = own
    await db`drop trigger audit_entry_append_only on audit_entry`
    await db`create table kept as table audit_entry`
    const broken = async (change: PromiseLike<unknown>, expect?: string) => {
      await change
      const verified = await verify(own, expect)
      await db`delete from audit_entry`
      await db`insert into audit_entry select * from kept`
      return verified.ok ? 'whole' : verified.fault
    }
    const chain = (seq: number, why: string) => ({ kind: 'chain-broken', seq, why })
    assert.deepEqual(
      await broken(db`update audit_entry set actor = 'nobody' where seq = 4`),
      chain(4, 'hash-differs'),
    )
    assert.deepEqual(
      await broken(db`delete from audit_entry where seq = 4`),
      chain(5, 'seq-skipped'),
    )
    assert.deepEqual(
      await broken(db`delete from audit_entry where seq = 1`),
      chain(2, 'seq-skipped'),
    )
    assert.deepEqual(
      await broken(db`
        insert into audit_entry
        select 8, at_ms, 'forged', operation, target, resource_id, request_id, previous_hash, hash
        from audit_entry
        where seq = 7`),
      chain(8, 'previous-hash-differs'),
    )
    const cutOff = () => db`delete from audit_entry where seq > 5`
    assert.deepEqual(await broken(cutOff()), 'whole')
    assert.deepEqual(await broken(cutOff(), head), { kind: 'end-cut-off', seq: 6 })
    assert.deepEqual(await verify(own, head), whole)
    await own.stop()
  })

  const act = {
    actor: 'server',
    operation: 'o',
    target: '/',
    resourceId: undefined,
    requestId: 'r',
  }
  const entry = { ...act, seq: 1, atMs: 0, previousHash: '00'.repeat(32) }
  const onePage = [{ ...entry, at: '1970-01-01T00:00:00Z', hash: hashOf(entry) }]
  const links = [
    ['is done without a link', onePage, undefined, true],
    ['does not carry the token to another server', onePage, 'https://elsewhere.test/', false],
    ['does not follow a page without entries', [], 'https://parley.test/parley', false],
  ] as const
  for (const [what, value, nextLink, isOk] of links) {
    test(what, async () => {
      const verified = await verifyAuditLog({
        url: 'https://parley.test/parley/auditEntries',
        expected: undefined,
        readPage: async () => ({ value, nextLink }),
      })
      assert.equal(verified.ok, isOk)
      if (!verified.ok) assert.deepEqual(verified.fault, { kind: 'page-malformed' })
    })
  }
})
