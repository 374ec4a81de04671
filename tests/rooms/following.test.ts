/**
 * Verifiers elsewhere: what they know, when, and what they do when they cannot know.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serverLimits } from '@parley/server/contract/limits'
import { deleteForgottenEvents } from '@parley/server/events/store'
import { nodeFetch } from '@parley/verifier/node-fetch'
import { callAdmin } from '../administrator.ts'
import { atOnce, createIdentity, deleteIdentity, issueToken, postRevoke } from '../calls.ts'
import { control, createResource, newPlace, regenerateKey, resourcePath } from '../control-plane.ts'
import { makeCredential } from '../credentials.ts'
import { follow, until } from '../followers.ts'
import { newDataDir, startWorld, type Tenant } from '../world.ts'

const world = await startWorld(newDataDir())

/** An identity with a token. */
async function holder(tenant: Tenant) {
  const id = await createIdentity(tenant)
  return { id, token: await issueToken(tenant, id) }
}

const snapshotsOf = (asked: readonly string[]) => asked.filter((one) => one === 'snapshot').length

describe('a verifier that follows', () => {
  test('refuses everything before it is up to date, then what was revoked before', async (t) => {
    const tenant = await world.createTenant()
    const [dead, live] = [await holder(tenant), await holder(tenant)]
    await postRevoke(tenant, dead.id)
    const { judge, following } = await follow(t, world, { tenant })
    assert.deepEqual([judge(dead.token), judge(live.token)], ['stale', 'stale'])
    await following.ready
    assert.deepEqual([judge(dead.token), judge(live.token)], ['void', 'ok'])
  })

  test('knows of a revocation within a moment, whatever caused it', async (t) => {
    const tenant = await world.createTenant()
    const [one, two, three] = await atOnce(3, () => holder(tenant))
    assert.ok(one && two && three)
    const { judge, following } = await follow(t, world, { tenant })
    await following.ready
    await postRevoke(tenant, one.id)
    const afterMs = await until(() => judge(one.token) === 'void', 'the revocation')
    assert.ok(afterMs < 250, `${afterMs} ms`)
    await deleteIdentity(tenant, two.id)
    await until(() => judge(two.token) === 'void', 'the deletion')
    assert.equal(judge(three.token), 'ok')
  })

  test('knows as much by node:http, with its voidings waiting for it', async (t) => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant, { mayBeWaitedFor: true })
    const holders = await atOnce(20, () => holder(tenant))
    const how = { tenant, credential: secret, acknowledge: true, fetch: nodeFetch }
    const { judge, following } = await follow(t, world, how)
    await following.ready
    for (const { id, token } of holders) {
      assert.equal(judge(token), 'ok')
      await postRevoke(tenant, id)
      assert.equal(judge(token), 'void')
    }
    assert.equal(following.fault(), undefined)
  })

  test('misses nothing of what happens while its line is cut', async (t) => {
    const tenant = await world.createTenant()
    const { judge, following, line } = await follow(t, world, { tenant })
    const holders = await atOnce(20, () => holder(tenant))
    await following.ready
    line.cut()
    for (const { id } of holders.slice(0, 10)) await postRevoke(tenant, id)
    await until(() => following.fault() !== undefined, 'the cut')
    assert.equal(judge(holders[0]?.token ?? ''), 'ok', 'fresh enough by its own measure')
    line.mend()
    await until(() => following.fault() === undefined, 'the mending')
    const verdicts = holders.map(({ token }) => judge(token))
    assert.deepEqual(verdicts, [...Array(10).fill('void'), ...Array(10).fill('ok')])
    assert.equal(snapshotsOf(line.asked), 1)
  })

  test('misses nothing while it is cut off again and again under load', async (t) => {
    const tenant = await world.createTenant()
    const holders = await atOnce(60, () => holder(tenant))
    const { judge, following, line } = await follow(t, world, { tenant })
    await following.ready
    for (const [index, { id }] of holders.entries()) {
      const revoked = postRevoke(tenant, id)
      if (index % 7 === 0) line.cut()
      await revoked
      if (index % 7 === 3) line.mend()
    }
    line.mend()
    await until(() => holders.every(({ token }) => judge(token) === 'void'), 'all of them')
  })

  test('hears all of it by one stream, while others come and much is revoked', async (t) => {
    const tenant = await world.createTenant()
    const holders = await atOnce(120, () => holder(tenant))
    const [first, ...rest] = holders
    assert.ok(first)
    const revoking = atOnce(3, async () => {
      for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
        await postRevoke(tenant, one.id)
        await postRevoke(tenant, first.id)
      }
    })
    const followers: Awaited<ReturnType<typeof follow>>[] = []
    while (followers.length < 30) {
      const follower = await follow(t, world, { tenant })
      await follower.following.ready
      followers.push(follower)
    }
    await revoking
    for (const { judge, line } of followers) {
      const knows = () => holders.every(({ token }) => judge(token) === 'void')
      await until(knows, 'all of them')
      assert.deepEqual(line.asked, ['snapshot', 'events'])
    }
  })

  test('takes a snapshot where what it missed is forgotten', async (t) => {
    const tenant = await world.createTenant()
    const [early, late] = [await holder(tenant), await holder(tenant)]
    const { judge, following, line } = await follow(t, world, { tenant })
    await following.ready
    line.cut()
    await postRevoke(tenant, early.id)
    await postRevoke(tenant, early.id)
    await deleteForgottenEvents(world.db, world.now() + 48 * 3_600_000)
    await postRevoke(tenant, late.id)
    await until(() => following.fault() !== undefined, 'the cut')
    line.mend()
    await until(() => judge(late.token) === 'void', 'the snapshot')
    await until(() => following.fault() === undefined, 'the stream')
    assert.equal(snapshotsOf(line.asked), 2)
  })

  test('takes another key set over without being asked', async (t) => {
    const tenant = await world.createTenant()
    const former = await holder(tenant)
    const { judge, following } = await follow(t, world, { tenant })
    await following.ready
    const path = '/parley/signingKeys/:rotate'
    const rotated = await callAdmin(world, { method: 'POST', path, body: { emergency: true } })
    assert.equal(rotated.status, 200)
    await until(() => judge(former.token) === 'unknown-key', 'the end of the former key')
    const { token } = await holder(tenant)
    assert.equal(judge(token), 'ok')
  })

  test('hears nothing of another resource', async (t) => {
    const [tenant, neighbour] = [await world.createTenant(), await world.createTenant()]
    const [own, foreign] = [await holder(tenant), await holder(neighbour)]
    const { judge, following, line } = await follow(t, world, { tenant })
    await following.ready
    await postRevoke(neighbour, foreign.id)
    await postRevoke(tenant, own.id)
    await until(() => judge(own.token) === 'void', 'its own')
    assert.equal(judge(foreign.token), 'ok')
    line.cut()
    await postRevoke(neighbour, foreign.id)
    line.mend()
    await until(() => following.fault() === undefined, 'the stream')
    assert.equal(judge(foreign.token), 'ok')
    const other = await follow(t, world, { tenant })
    await other.following.ready
    assert.deepEqual([other.judge(own.token), other.judge(foreign.token)], ['void', 'ok'])
  })
})

describe('a verifier that cannot know', () => {
  test('refuses as stale while its server may be behind, and heals with it', async (t) => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const { judge, following } = await follow(t, world, { tenant, maxStalenessMs: 1500 })
    await following.ready
    const { wake } = world.sleep()
    t.after(wake)
    await until(() => judge(token) === 'stale', 'staleness')
    assert.equal(following.isFresh(), false)
    wake()
    await until(() => judge(token) === 'ok', 'healing')
  })

  test('goes on accepting where it was told to', async (t) => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const settings = { tenant, whenStale: 'allow', maxStalenessMs: 1000 } as const
    const { judge, following, line } = await follow(t, world, settings)
    await following.ready
    line.cut()
    await until(() => !following.isFresh(), 'staleness')
    assert.equal(judge(token), 'ok')
  })

  test('is refused with a wrong key, and stays stale', async (t) => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const { judge, following } = await follow(t, world, { tenant, key: Buffer.alloc(64) })
    await until(() => following.fault() !== undefined, 'the refusal')
    assert.deepEqual(following.fault(), { kind: 'wrong-status', status: 401 })
    assert.equal(judge(token), 'stale')
  })

  test('loses its stream with the key that it came by, and no other does', async (t) => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const first = await follow(t, world, { tenant })
    const second = await follow(t, world, { tenant, key: tenant.secondaryKey })
    await Promise.all([first.following.ready, second.following.ready])
    await regenerateKey(world, place, { keyType: 'Primary' })
    const refused = () => first.following.fault()?.kind === 'wrong-status'
    await until(refused, 'the refusal')
    assert.equal(second.following.fault(), undefined)
    assert.deepEqual(second.line.asked, ['snapshot', 'events'])
  })

  test('loses its stream with its resource', async (t) => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { following } = await follow(t, world, { tenant })
    await following.ready
    const deleted = await control(world, { method: 'DELETE', path: resourcePath(place) })
    assert.ok(deleted.status < 300, String(deleted.status))
    await until(() => following.fault()?.kind === 'wrong-status', 'the refusal')
  })

  test('loses its stream when keys are no longer taken', async (t) => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { following } = await follow(t, world, { tenant })
    await following.ready
    const body = { properties: { disableLocalAuth: true } }
    const patched = await control(world, { method: 'PATCH', path: resourcePath(place), body })
    assert.equal(patched.status, 200)
    await until(() => following.fault()?.kind === 'wrong-status', 'the refusal')
  })
})

describe('a page of the snapshot', () => {
  /** The head of a page, and its records in hexadecimal digits. */
  async function readPage({ secret, after = '0' }: { secret: string; after?: string }) {
    const headers = { authorization: `Bearer ${secret}` }
    const url = `${world.origin}/parley/revocations/snapshot?after=${after}`
    const answer = await fetch(url, { headers })
    assert.equal(answer.status, 200)
    const names = ['content-type', 'cache-control']
    const said = names.map((name) => answer.headers.get(name))
    assert.deepEqual(said, ['application/octet-stream', 'no-store'])
    const bytes = Buffer.from(await answer.arrayBuffer())
    const headEnd = 4 + bytes.readUInt32BE()
    const { seq, ...head } = JSON.parse(bytes.toString('utf8', 4, headEnd))
    return { seq, head, records: bytes.toString('hex', headEnd) }
  }

  const printed = (id: string) => `${id.slice(-36).replaceAll('-', '')}00000002`

  test('has the cut-offs of its resource and no other, packed', async () => {
    const [tenant, neighbour] = [await world.createTenant(), await world.createTenant()]
    const [own, foreign] = [await holder(tenant), await holder(neighbour)]
    await postRevoke(neighbour, foreign.id)
    await postRevoke(tenant, own.id)
    const { seq, head, records } = await readPage(await makeCredential(tenant))
    assert.equal(records, printed(own.id))
    const bytes = { identityBytes: 20, tokenBytes: 0, identityScopeBytes: 0 }
    assert.deepEqual(head, { resourceId: tenant.resourceId, ...bytes, others: [] })
    assert.ok(seq >= 2)
  })

  test('is full of 50,000, is kept, and what comes later stands on the next', async () => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant)
    const perPage = serverLimits.snapshotPageCutOffsMax
    await appendCutOffs(tenant, perPage)
    const { id } = await holder(tenant)
    const [first, ...others] = await atOnce(20, () => readPage({ secret }))
    assert.ok(first)
    assert.equal(first.records.length, perPage * 40)
    assert.deepEqual(first.head.expected, { identity: perPage })
    for (const other of others) assert.deepEqual(other, first)
    await postRevoke(tenant, id)
    const later = await readPage({ secret })
    assert.equal(later.records, first.records)
    assert.ok(later.seq > first.seq, 'the end of the log is that of now')
    const after = String(later.head.nextAfter)
    const rests = await atOnce(20, () => readPage({ secret, after }))
    for (const { seq, head, records } of rests) {
      assert.deepEqual(
        [records, head.nextAfter, head.expected],
        [printed(id), undefined, undefined],
      )
      assert.ok(seq >= later.seq)
    }
    await postRevoke(tenant, id)
    const [again] = await atOnce(1, () => readPage({ secret, after }))
    assert.equal(again?.records, `${printed(id)}${printed(id).slice(0, -1)}3`)
  })

  test('and what is cut off between two pages is known in the end', async (t) => {
    const tenant = await world.createTenant()
    await appendCutOffs(tenant, serverLimits.snapshotPageCutOffsMax)
    const [between, live] = [await holder(tenant), await holder(tenant)]
    let pages = 0
    const cutting: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init)
      if (!String(input).includes('snapshot?after=')) return answer
      pages += 1
      if (pages === 1) await postRevoke(tenant, between.id)
      return answer
    }
    const { judge, following } = await follow(t, world, { tenant, fetch: cutting })
    await following.ready
    assert.deepEqual([pages, judge(between.token), judge(live.token)], [2, 'void', 'ok'])
    await postRevoke(tenant, live.id)
    await until(() => judge(live.token) === 'void', 'the revocation')
  })
})

/** Puts cut-offs of identities that nobody has into the log. */
async function appendCutOffs({ resourceId, call }: Tenant, count: number): Promise<void> {
  const forgetAt = new Date(world.now() + 24 * 3_600_000)
  await world.db`
    with numbered as (
      update event_sequence
      set last_seq = last_seq + ${count}
      returning last_seq - ${count} as seq_before
    )
    insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
    select ${resourceId}, seq_before + place, 'identity', gen_random_uuid(), 2, ${forgetAt}
    from numbered
    cross join generate_series(1, ${count}::int) as place
  `
  // The server has to read them all before it may promise anything again.
  const look = () => call({ method: 'GET', path: '/parley/verifierCredentials' })
  while ((await look()).status !== 200) await new Promise(setImmediate)
}

describe('the stream of revocations', () => {
  const events = (after: string) => ({ method: 'GET', path: `/parley/revocations/events${after}` })

  for (const after of ['', '?after=', '?after=-1', '?after=x', '?after=1&after=2', '?after=1e9']) {
    test(`does not begin at ${JSON.stringify(after)}`, async () => {
      const tenant = await world.createTenant()
      const { status, body } = await tenant.call(events(after))
      assert.deepEqual([status, body.error.code], [400, 'InvalidQueryParameter'])
    })
  }

  test('does not begin after a number that the log does not have', async () => {
    const tenant = await world.createTenant()
    const { status, body } = await tenant.call(events('?after=999999999999'))
    assert.deepEqual([status, body.error.code], [410, 'EventsForgotten'])
  })

  test('goes on after Last-Event-ID rather than where its address says', async () => {
    const tenant = await world.createTenant()
    const headers = { 'last-event-id': '999999999999' }
    assert.equal((await tenant.call({ ...events('?after=0'), headers })).status, 410)
  })

  test('ends when the server stops, which does not wait for it', async (t) => {
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const { following } = await follow(t, own, { tenant })
    await following.ready
    const startedAt = performance.now()
    await own.stop()
    assert.ok(performance.now() - startedAt < 4000)
    await until(() => following.fault() !== undefined, 'the end')
  })
})
