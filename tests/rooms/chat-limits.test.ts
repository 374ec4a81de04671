/** How much chat takes: the last size that is, and the first that is not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createIdentity, deleteIdentity } from '../calls.ts'
import { type ChatAnswer, newThread, newUser, participant, say, type User } from '../chat.ts'
import { newDataDir, startWorld, theWorld } from '../world.ts'

const world = await theWorld()

/** Two people and a thread of the first. */
interface Scene {
  readonly ann: User
  readonly bob: User
  readonly thread: string
}

async function scene(): Promise<Scene> {
  const tenant = await world.createTenant()
  const ann = await newUser(world, tenant)
  return { ann, bob: await newUser(world, tenant), thread: await newThread(ann) }
}

/** Metadata of so many bytes, names included. */
const metadataOf = (bytes: number) => ({ name: 'x'.repeat(bytes - 4) })

/** Everything that takes metadata, and the field that a refusal names. */
const holders: readonly (readonly [
  name: string,
  target: string,
  act: (scene: Scene, metadata: object) => Promise<ChatAnswer>,
])[] = [
  [
    'a new thread',
    'Metadata',
    ({ ann }, metadata) => ann.call('POST', '', { body: { topic: 'T', metadata } }),
  ],
  [
    'a thread',
    'Metadata',
    ({ ann, thread }, metadata) => ann.call('PATCH', thread, { body: { metadata } }),
  ],
  [
    'a participant of a new thread',
    'Participants',
    ({ ann, bob }, metadata) => {
      const participants = [participant(bob, { metadata })]
      return ann.call('POST', '', { body: { topic: 'T', participants } })
    },
  ],
  [
    'a participant',
    'Participants',
    ({ ann, bob, thread }, metadata) => {
      const participants = [participant(bob, { metadata })]
      return ann.call('POST', `${thread}/participants/:add`, { body: { participants } })
    },
  ],
  [
    'a new message',
    'Metadata',
    ({ ann, thread }, metadata) =>
      ann.call('POST', `${thread}/messages`, { body: { content: 'x', metadata } }),
  ],
  [
    'a message',
    'Metadata',
    async ({ ann, thread }, metadata) =>
      ann.call('PATCH', `${thread}/messages/${await say(ann, thread)}`, { body: { metadata } }),
  ],
]

describe('metadata', () => {
  for (const [name, target, act] of holders) {
    test(`of ${name} is 1,024 bytes at most`, async () => {
      const most = await act(await scene(), metadataOf(1024))
      assert.ok(most.status < 300, most.text)
      const more = await act(await scene(), metadataOf(1025))
      assert.deepEqual([more.status, more.body.error.target?.replace(/[[.].*$/, '')], [400, target])
    })
  }

  test('is not made larger by one change after the other', async () => {
    const { ann, thread } = await scene()
    const message = `${thread}/messages/${await say(ann, thread)}`
    for (const path of [thread, message]) {
      const change = (metadata: object) => ann.call('PATCH', path, { body: { metadata } })
      assert.equal((await change(metadataOf(1000))).status, 204)
      assert.equal((await change({ other: 'x'.repeat(20) })).status, 400)
      assert.equal((await change({ name: null, other: 'x'.repeat(1000) })).status, 204)
    }
  })
})

describe('a message that is changed', () => {
  for (const [bytes, status] of [
    [28 * 1024, 204],
    [28 * 1024 + 1, 400],
  ] as const) {
    test(`to ${bytes} bytes is answered ${status}`, async () => {
      const { ann, thread } = await scene()
      const path = `${thread}/messages/${await say(ann, thread)}`
      const body = { content: 'x'.repeat(bytes) }
      assert.equal((await ann.call('PATCH', path, { body })).status, status)
    })
  }
})

describe('the retention of a thread', () => {
  for (const [deleteThreadAfterDays, isTaken] of [
    [29, false],
    [30, true],
    [90, true],
    [91, false],
  ] as const) {
    test(`is ${isTaken ? '' : 'not '}${deleteThreadAfterDays} days`, async () => {
      const { ann, thread } = await scene()
      const retentionPolicy = { kind: 'threadCreationDate', deleteThreadAfterDays }
      const body = { topic: 'T', retentionPolicy }
      assert.equal((await ann.call('POST', '', { body })).status, isTaken ? 201 : 400)
      const change = { body: { retentionPolicy } }
      assert.equal((await ann.call('PATCH', thread, change)).status, isTaken ? 204 : 400)
    })
  }

  test('is carried out by the server itself, to the last row', async (context) => {
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const { resourceId } = tenant
    const ann = await newUser(own, tenant)
    const policy = (deleteThreadAfterDays: number) => ({
      retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays },
    })
    await say(ann, await newThread(ann, [], { topic: 'due', ...policy(30) }))
    await say(ann, await newThread(ann, [], { topic: 'kept', ...policy(31) }))
    own.stopClock(context, own.now() + 30 * 24 * 60 * 60 * 1000 + 1000)
    const left = () => own.db<{ topic: string; messages: number }[]>`
      select topic, count(message_id)::integer as messages
      from chat_thread left join chat_message using (resource_id, thread_id)
      where resource_id = ${resourceId} group by thread_id, topic`
    // The deletion of anybody wakes what is done every minute.
    assert.equal((await deleteIdentity(tenant, await createIdentity(tenant))).status, 204)
    const deadlineMs = performance.now() + 30_000
    while ((await left()).length > 1 && performance.now() < deadlineMs) {
      await own.db`select pg_sleep(0.01)`
    }
    assert.deepEqual([...(await left())], [{ topic: 'kept', messages: 3 }])
    await own.stop()
  })
})
