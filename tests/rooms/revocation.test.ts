import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCutOffEvent } from '@parley/server/events/model'
import { deleteForgottenEvents, findLastSeq, listEventsAfter } from '@parley/server/events/store'
import {
  atOnce,
  createIdentity,
  deleteIdentity,
  identityPath,
  issueToken,
  liveness,
  notOwned,
  postRevoke,
  postToken,
  told,
} from '../calls.ts'
import { newDataDir, startWorld, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world

describe('revoking the tokens of an identity', () => {
  test('voids every earlier token and no later one of the same second', async (t) => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    world.stopClock(t, Date.now())
    const earlier = await atOnce(5, () => issueToken(tenant, id))
    assert.deepEqual(await liveness(tenant, earlier), [true, true, true, true, true])
    const { status, text } = await postRevoke(tenant, id)
    assert.deepEqual([status, text], [204, ''])
    const later = await issueToken(tenant, id)
    const dead = [false, false, false, false, false]
    assert.deepEqual(await liveness(tenant, [...earlier, later]), [...dead, true])
  })

  test('touches no other identity', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const [one, two] = [await createIdentity(tenant), await createIdentity(tenant)]
    const sibling = await issueToken(tenant, two)
    const foreign = await issueToken(neighbour, await createIdentity(neighbour))
    await postRevoke(tenant, one)
    assert.deepEqual(await liveness(tenant, [sibling]), [true])
    assert.deepEqual(await liveness(neighbour, [foreign]), [true])
  })

  test('is answered 204 each time, with or without tokens', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const statuses = [(await postRevoke(tenant, id)).status, (await postRevoke(tenant, id)).status]
    assert.deepEqual(statuses, [204, 204])
  })

  test('leaves the tokens of the last of 20 generations live', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const tokens: string[] = []
    for (let generation = 1; generation <= 20; generation++) {
      tokens.push(await issueToken(tenant, id))
      if (generation < 20) await postRevoke(tenant, id)
    }
    assert.deepEqual(await liveness(tenant, tokens), [...new Array(19).fill(false), true])
    const [row] = await db`select generation from identity where resource_id = ${tenant.resourceId}`
    assert.equal(Number(row?.['generation']), 20)
  })

  const instants = [
    ['nothing', undefined],
    ['null', { tokensValidFrom: null }],
    ['an instant of the past', { tokensValidFrom: '2001-01-01T00:00:00Z' }],
    ['an instant of the future', { tokensValidFrom: '2099-01-01T00:00:00+00:00' }],
  ] as const
  for (const [name, body] of instants) {
    test(`voids the tokens in the first preview, given ${name}`, async () => {
      const tenant = await createTenant()
      const id = await createIdentity(tenant)
      const token = await issueToken(tenant, id)
      const path = identityPath(id, '', '2020-07-20-preview2')
      const headers = { 'content-type': 'application/merge-patch+json' }
      const patch = { method: 'PATCH', path, headers }
      const { status } = await tenant.call(body === undefined ? patch : { ...patch, body })
      assert.equal(status, 204)
      assert.deepEqual(await liveness(tenant, [token]), [false])
    })
  }
})

describe('deleting an identity', () => {
  test('voids its tokens, and no new one is issued', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const tokens = await atOnce(3, () => issueToken(tenant, id))
    assert.equal((await deleteIdentity(tenant, id)).status, 204)
    assert.deepEqual(await liveness(tenant, tokens), [false, false, false])
    assert.deepEqual(told(await postToken(tenant, id)), notOwned)
  })
})

describe('revoking while tokens are issued', () => {
  test('voids each token whose issue was answered before the revocation was sent', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const answered: string[] = []
    let isOver = false
    const issuers = atOnce(8, async () => {
      while (!isOver) answered.push(await issueToken(tenant, id))
    })
    const survivors: string[] = []
    try {
      for (let round = 0; round < 25; round++) {
        const before = [...answered]
        assert.equal((await postRevoke(tenant, id)).status, 204)
        const live = await liveness(tenant, before)
        survivors.push(...before.filter((_, index) => live[index]))
      }
    } finally {
      isOver = true
      await issuers
    }
    assert.deepEqual(survivors, [])
    assert.ok(answered.length > 25, `only ${answered.length} tokens were issued`)
    assert.deepEqual(await liveness(tenant, [await issueToken(tenant, id)]), [true])
  })

  test('gives no live token for an identity that was deleted meanwhile', async () => {
    const tenant = await createTenant()
    const ids = await atOnce(20, () => createIdentity(tenant))
    const rounds = await Promise.all(
      ids.map(async (id) => {
        const issued = atOnce(5, () => postToken(tenant, id))
        const [deleted, answers] = await Promise.all([deleteIdentity(tenant, id), issued])
        assert.equal(deleted.status, 204)
        return answers
      }),
    )
    const answers = rounds.flat()
    const refused = answers.filter(({ status }) => status !== 200)
    assert.deepEqual(refused.map(told), new Array(refused.length).fill(notOwned))
    const tokens = answers.filter(({ status }) => status === 200).map(({ body }) => body.token)
    assert.deepEqual(await liveness(tenant, tokens), new Array(tokens.length).fill(false))
    const rows = await db`select from access_token where resource_id = ${tenant.resourceId}`
    assert.equal(rows.length, 0)
  })
})

describe('a restart', () => {
  test('keeps what was revoked and deleted, and what was not', async () => {
    const dataDir = newDataDir()
    const fixed = { PARLEY_ISSUER: 'https://parley.example' }
    const before = await startWorld(dataDir, fixed)
    const tenant = await before.createTenant()
    const ids = await atOnce(3, () => createIdentity(tenant))
    const [revoked = '', deleted = '', untouched = ''] = ids
    const tokens = await Promise.all(ids.map((id) => issueToken(tenant, id)))
    await postRevoke(tenant, revoked)
    await deleteIdentity(tenant, deleted)
    tokens.push(await issueToken(tenant, revoked))
    assert.deepEqual(await liveness(tenant, tokens), [false, false, true, true])
    await before.stop()

    const restarted = await startWorld(dataDir, fixed)
    const owner = restarted.adoptTenant(tenant)
    assert.deepEqual(await liveness(owner, tokens), [false, false, true, true])
    assert.deepEqual(told(await postToken(owner, deleted)), notOwned)
    assert.equal((await postRevoke(owner, untouched)).status, 204)
    assert.deepEqual(await liveness(owner, tokens), [false, false, false, true])
  })
})

describe('the log of cut-offs', () => {
  test('numbers 200 concurrent revocations and deletions without a gap', async () => {
    const tenants = await atOnce(4, () => createTenant())
    const owned = await Promise.all(
      tenants.map(async (tenant) => ({
        tenant,
        ids: await atOnce(50, () => createIdentity(tenant)),
      })),
    )
    const lastSeq = await findLastSeq(db)
    const calls = owned.flatMap(({ tenant, ids }) =>
      ids.map((id, index) => ({ tenant, id, isDeleted: index % 2 === 0 })),
    )
    const answers = await Promise.all(
      calls.map(({ tenant, id, isDeleted }) =>
        isDeleted ? deleteIdentity(tenant, id) : postRevoke(tenant, id),
      ),
    )
    assert.deepEqual(
      answers.map(({ status }) => status),
      new Array(200).fill(204),
    )
    const events = (await listEventsAfter(db, lastSeq, 1000)).events.filter(isCutOffEvent)
    assert.deepEqual(
      events.map(({ seq }) => seq),
      Array.from({ length: 200 }, (_, index) => lastSeq + 1 + index),
    )
    const told = events.map((event) => [event.resourceId, event.subject, event.generation])
    const expected = calls.map(({ tenant, id, isDeleted }) => [
      tenant.resourceId,
      id.slice(43),
      isDeleted ? 0xffff_ffff : 2,
    ])
    assert.deepEqual(told.sort(), expected.sort())
    assert.equal(await findLastSeq(db), lastSeq + 200)
  })

  test('forgets a cut-off a day and six minutes later, not earlier', async (t) => {
    const tenant = await createTenant()
    const { resourceId } = tenant
    const id = await createIdentity(tenant)
    const beforeSeq = await findLastSeq(db)
    const atMs = Date.now()
    world.stopClock(t, atMs)
    await postRevoke(tenant, id)
    const ownEvents = async () => {
      const { events } = await listEventsAfter(db, beforeSeq, 1000)
      return events.filter((event) => event.resourceId === resourceId)
    }
    const [event] = await ownEvents()
    const forgetAtMs = atMs + (24 * 60 + 6) * 60_000
    assert.deepEqual(event, {
      resourceId,
      seq: event?.seq,
      kind: 'identity',
      subject: id.slice(43),
      generation: 2,
      forgetAtMs,
      appendedAtMs: event?.appendedAtMs,
    })
    await deleteForgottenEvents(db, forgetAtMs - 1)
    assert.equal((await ownEvents()).length, 1)
    await deleteForgottenEvents(db, forgetAtMs)
    assert.equal((await ownEvents()).length, 0)
  })
})
