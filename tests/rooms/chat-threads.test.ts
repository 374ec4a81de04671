/** Threads: creating, repeating, listing, changing, deleting, and keeping only so long. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deleteDueThreads } from '@parley/server/chat/recurring'
import { atOnce, deleteIdentity, told } from '../calls.ts'
import { type ChatAnswer, heard, newThread, newUser, participant, say, seen } from '../chat.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()

const unknownThread = {
  status: 404,
  body: { error: { code: 'NotFound', message: 'There is no such thread.' } },
}
const toldOf = (answer: ChatAnswer) => told(answer as unknown as Parameters<typeof told>[0])

async function people(count: number) {
  const tenant = await world.createTenant()
  const users = await atOnce(count, () => newUser(world, tenant))
  const [ann, bob] = users
  assert.ok(ann !== undefined && bob !== undefined)
  return { tenant, ann, bob, users }
}

describe('a created thread', () => {
  test('is told with its creator and its place, and nobody is invalid', async () => {
    const { tenant, ann, bob } = await people(2)
    const body = {
      topic: 'Lunch',
      participants: [participant(bob, { displayName: 'Bob' })],
      metadata: { place: 'roof' },
      retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays: 30 },
    }
    const { status, headers, body: created } = await ann.call('POST', '', { body })
    assert.equal(status, 201)
    const { id, createdOn, ...rest } = created.chatThread
    assert.match(id, /^19:[\w-]{43}1@thread\.v2$/)
    assert.match(createdOn, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.deepEqual(rest, {
      topic: 'Lunch',
      createdByCommunicationIdentifier: { rawId: ann.id, communicationUser: { id: ann.id } },
      metadata: body.metadata,
      retentionPolicy: body.retentionPolicy,
    })
    assert.ok(!('invalidParticipants' in created))
    const location = `https://${tenant.host}/chat/threads/${id.replace(':', '%3A')}`
    assert.equal(headers.location, location)
    const got = await bob.call('GET', `/${encodeURIComponent(id)}`)
    assert.deepEqual(got.body, created.chatThread)
    // As a link has it, with colon and at-sign as they are.
    assert.deepEqual((await bob.call('GET', `/${id}`)).body, created.chatThread)
  })

  test('has what its version has', async () => {
    const { ann } = await people(2)
    const body = { topic: 'T', metadata: { a: '1' } }
    const old = { version: '2024-03-07' }
    const refused = await ann.call('POST', '', { body, ...old })
    assert.deepEqual([refused.status, refused.body.error.target], [400, 'Metadata'])
    const thread = await newThread(ann, [], body)
    const got = await ann.call('GET', thread, old)
    assert.ok(!('metadata' in got.body) && !('retentionPolicy' in got.body))
    const kind = { retentionPolicy: { kind: 'none' } }
    assert.deepEqual(
      { ...kind, ...(await ann.call('GET', thread)).body },
      (await ann.call('GET', thread)).body,
    )
  })

  test('goes without those who cannot be in it, and says who', async () => {
    const { ann, bob } = await people(2)
    const elsewhere = await newUser(world, await world.createTenant())
    const nobody = ann.id.replace(/.{12}$/, '000000000000')
    const teams = {
      communicationIdentifier: { microsoftTeamsUser: { userId: 'u' }, rawId: '8:orgid:u' },
    }
    const participants = [
      participant(bob),
      participant(elsewhere),
      participant({ id: nobody }),
      participant({ id: 'x' }),
      teams,
    ]
    const { status, body } = await ann.call('POST', '', { body: { topic: 'T', participants } })
    assert.equal(status, 201)
    const missing = (target: string) => ({ code: '404', message: 'Not found', target })
    assert.deepEqual(body.invalidParticipants, [
      missing(elsewhere.id),
      missing('x'),
      { code: '403', message: 'Permissions check failed', target: '8:orgid:u' },
      missing(nobody),
    ])
    const path = `/${body.chatThread.id}/participants`
    const { value } = (await bob.call('GET', path)).body
    assert.deepEqual(
      value.map((one) => one.communicationIdentifier.rawId),
      [ann.id, bob.id],
    )
    assert.equal((await elsewhere.call('GET', path)).status, 404)
  })

  const refusals: readonly (readonly [string, object, string])[] = [
    ['without a topic', {}, 'Topic'],
    ['with a topic of null', { topic: null }, 'Topic'],
    ['with a topic that no database stores', { topic: 'a\u0000' }, 'Topic'],
    ['with metadata over 1 KB', { topic: 'T', metadata: { a: 'x'.repeat(1024) } }, 'Metadata'],
    [
      'kept for 29 days',
      { topic: 'T', retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays: 29 } },
      'RetentionPolicy.deleteThreadAfterDays',
    ],
    [
      'kept in a way that is none',
      { topic: 'T', retentionPolicy: { kind: 'x' } },
      'RetentionPolicy.kind',
    ],
  ]
  for (const [which, body, target] of refusals) {
    test(`is refused ${which}`, async () => {
      const { ann } = await people(2)
      const { status, body: answer } = await ann.call('POST', '', { body })
      assert.deepEqual([status, answer.error.target], [400, target])
    })
  }
})

describe('a repeated creation', () => {
  test('gives the same answer, whatever became of the thread, and no other thread', async () => {
    const { ann, bob } = await people(2)
    const headers = { 'repeatability-request-id': 'once "and", {only}' }
    const body = { topic: 'First', participants: [participant(bob), participant({ id: 'x' })] }
    const first = await ann.call('POST', '', { body, headers })
    const thread = `/${first.body.chatThread.id}`
    assert.equal((await ann.call('PATCH', thread, { body: { topic: 'Second' } })).status, 204)
    const second = await ann.call('POST', '', { body, headers })
    assert.deepEqual(toldOf(second), toldOf(first))
    assert.equal(second.headers.location, first.headers.location)
    assert.equal((await ann.call('GET', '')).body.value.length, 1)
  })

  test('makes one thread of twenty that come at once', async () => {
    const { ann } = await people(2)
    const headers = { 'repeatability-request-id': 'at-once' }
    const answers = await atOnce(20, () => ann.call('POST', '', { body: { topic: 'T' }, headers }))
    const ids = answers.map((answer) => answer.body.chatThread.id)
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
    assert.equal(new Set(ids).size, 1)
  })

  test('is another creation for somebody else', async () => {
    const { ann, bob } = await people(2)
    const asked = { body: { topic: 'T' }, headers: { 'repeatability-request-id': 'same' } }
    const [one, other] = [await ann.call('POST', '', asked), await bob.call('POST', '', asked)]
    assert.notEqual(one.body.chatThread.id, other.body.chatThread.id)
  })

  for (const id of ['', 'x'.repeat(129)]) {
    test(`is refused under a name of ${id.length} characters`, async () => {
      const { ann } = await people(2)
      const headers = { 'repeatability-request-id': id === '' ? ' ' : id }
      const { status } = await ann.call('POST', '', { body: { topic: 'T' }, headers })
      assert.equal(status, 400)
    })
  }
})

describe('the list of threads', () => {
  test('has those of the caller, the newest first, on pages that share none', async () => {
    const { ann, bob } = await people(2)
    const threads: string[] = []
    for (let index = 0; index < 7; index++) {
      const thread = await newThread(ann, index % 2 === 0 ? [bob] : [])
      threads.unshift(decodeURIComponent(thread.slice(1)))
    }
    const found: string[] = []
    let path: string | undefined = '?maxPageSize=2'
    while (path !== undefined) {
      const { body } = await ann.call('GET', path)
      found.push(...body.value.map((one) => one.id))
      path = body.nextLink === undefined ? undefined : new URL(body.nextLink).search
      await newThread(ann)
    }
    assert.deepEqual(found, threads)
    const ofBob = (await bob.call('GET', '')).body.value
    assert.deepEqual(
      ofBob.map((one) => one.id),
      threads.filter((_, index) => index % 2 === 0),
    )
    assert.deepEqual(Object.keys(ofBob[0] ?? {}), ['id', 'topic', 'lastMessageReceivedOn'])
  })

  test('leaves out those in which nothing was said since an instant', async (context) => {
    const { ann } = await people(2)
    const [quiet, loud] = [await newThread(ann), await newThread(ann)]
    world.stopClock(context, world.now() + 60_000)
    await say(ann, loud)
    const startTime = new Date(world.now()).toISOString()
    const { value } = (await ann.call('GET', `?startTime=${startTime}`)).body
    assert.deepEqual(
      value.map((one) => `/${encodeURIComponent(one.id)}`),
      [loud],
    )
    assert.equal((await ann.call('GET', '')).body.value.length, 2, quiet)
  })

  test('still has a thread whose creator is gone', async () => {
    const { tenant, ann, bob } = await people(2)
    const thread = await newThread(ann, [bob])
    assert.equal((await deleteIdentity(tenant, ann.id)).status, 204)
    const { value } = (await bob.call('GET', '')).body
    assert.deepEqual(
      value.map((one) => one.topic),
      ['Lunch'],
    )
    const got = await bob.call('GET', thread)
    assert.equal(got.status, 200)
    assert.ok(got.text.includes(`"createdByCommunicationIdentifier":{"rawId":"${ann.id}"`))
    await say(bob, thread, 'alone')
  })
})

describe('a changed thread', () => {
  test('tells its new topic, and merges its metadata', async () => {
    const { ann, bob } = await people(2)
    const thread = await newThread(ann, [bob], { metadata: { a: '1', b: '2' } })
    const body = { topic: 'Dinner', metadata: { a: null, c: '3' } }
    const answer = await bob.call('PATCH', thread, { body })
    assert.deepEqual([answer.status, answer.text], [204, ''])
    const got =
      (await ann.call('GET', thread)).body.chatThread ?? (await ann.call('GET', thread)).body
    const { topic, metadata } = got as unknown as { topic: string; metadata: object }
    assert.deepEqual([topic, metadata], ['Dinner', { b: '2', c: '3' }])
    const [latest] = await seen(ann, thread)
    assert.deepEqual([latest?.type, latest?.content?.topic], ['topicUpdated', 'Dinner'])
    assert.deepEqual(latest?.content?.initiatorCommunicationIdentifier, {
      rawId: bob.id,
      communicationUser: { id: bob.id },
    })
  })

  test('says nothing where only metadata or retention changed', async () => {
    const { ann } = await people(2)
    const thread = await newThread(ann)
    const retentionPolicy = { kind: 'threadCreationDate', deleteThreadAfterDays: 90 }
    const body = { metadata: { a: '1' }, retentionPolicy }
    assert.equal((await ann.call('PATCH', thread, { body })).status, 204)
    assert.deepEqual(await heard(ann, thread), ['topicUpdated', 'participantAdded'])
    const off = { body: { retentionPolicy: { kind: 'none' } } }
    assert.equal((await ann.call('PATCH', thread, off)).status, 204)
  })

  test('takes merge patches only', async () => {
    const { ann } = await people(2)
    const thread = await newThread(ann)
    const headers = { 'content-type': 'application/json' }
    const answer = await ann.call('PATCH', thread, { body: { topic: 'x' }, headers })
    assert.equal(answer.status, 415)
  })
})

describe('a deleted thread', () => {
  test('is gone for everybody at once, and its rows soon', async () => {
    const { ann, bob } = await people(2)
    const thread = await newThread(ann, [bob])
    await say(bob, thread)
    const answer = await bob.call('DELETE', thread)
    assert.deepEqual([answer.status, answer.text], [204, ''])
    for (const user of [ann, bob]) {
      assert.deepEqual((await user.call('GET', '')).body.value, [])
      for (const path of ['', '/messages', '/participants', '/readReceipts']) {
        assert.deepEqual(toldOf(await user.call('GET', `${thread}${path}`)), unknownThread)
      }
      const sent = await user.call('POST', `${thread}/messages`, { body: { content: 'x' } })
      assert.deepEqual(toldOf(sent), unknownThread)
      assert.deepEqual(toldOf(await user.call('DELETE', thread)), unknownThread)
    }
  })

  test('was due by its policy, and nobody did it', async (context) => {
    const { tenant, ann, bob } = await people(2)
    const policy = (days: number) => ({
      retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays: days },
    })
    const due = await newThread(ann, [bob], policy(30))
    const kept = await newThread(ann, [], policy(31))
    const { stopClock, db } = world
    const day = 24 * 60 * 60 * 1000
    const notices: unknown[] = []
    const publish = async (_: unknown, told: readonly unknown[]) => void notices.push(...told)
    const atMs = world.now() + 30 * day + 1000
    await deleteDueThreads({ db, publish }, atMs)
    const name = decodeURIComponent(due.slice(1))
    const mine = notices.filter((one) => (one as { threadId: string }).threadId === name)
    const [{ recipients, ...told } = { recipients: [] }] = mine as { recipients: string[] }[]
    assert.deepEqual([...recipients].sort(), [ann.id, bob.id].sort())
    assert.deepEqual(told, {
      resourceId: tenant.resourceId,
      threadId: name,
      event: { kind: 'chatThreadDeleted', by: undefined, atMs },
    })
    stopClock(context, world.now())
    assert.deepEqual(toldOf(await bob.call('GET', due)), unknownThread)
    assert.equal((await ann.call('GET', kept)).status, 200)
  })
})
