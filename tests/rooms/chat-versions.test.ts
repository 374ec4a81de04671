/** The 16 operations in each of the five stable api-versions, on what the newest one has stored. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createIdentity } from '../calls.ts'
import {
  type ChatAnswer,
  chatVersion,
  newThread,
  newUser,
  participant,
  say,
  type User,
} from '../chat.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()

/** What a version tells: the fields that came after the first one. */
const versions = [
  { version: '2021-03-07', hasMessageMetadata: false, hasRetention: false },
  { version: '2021-09-07', hasMessageMetadata: true, hasRetention: false },
  { version: '2023-11-07', hasMessageMetadata: true, hasRetention: false },
  { version: '2024-03-07', hasMessageMetadata: true, hasRetention: false },
  { version: '2025-03-15', hasMessageMetadata: true, hasRetention: true },
] as const

type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue }

/** The names of fields anywhere in a body, each with those beside it. */
function fieldsIn(value: JsonValue, found: string[][] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return found
  if (!Array.isArray(value)) found.push(Object.keys(value))
  for (const one of Object.values(value)) fieldsIn(one, found)
  return found
}

/** What clients take for a mistake: somebody with a kind as well. */
function assertNoKind(answer: ChatAnswer): void {
  if (answer.text === '') return
  for (const names of fieldsIn(answer.body as unknown as JsonValue)) {
    assert.ok(!(names.includes('communicationUser') && names.includes('kind')), answer.text)
  }
}

async function scene() {
  const tenant = await world.createTenant()
  const ann = await newUser(world, tenant)
  const bob = await newUser(world, tenant)
  const metadata = { colour: 'blue' }
  const retentionPolicy = { kind: 'threadCreationDate', deleteThreadAfterDays: 60 }
  const participants = [participant(bob, { displayName: 'Bob', metadata })]
  const thread = await newThread(ann, [], { participants, metadata, retentionPolicy })
  const body = { content: 'Hello', senderDisplayName: 'Ann', metadata }
  const sent = await ann.call('POST', `${thread}/messages`, { body })
  await say(ann, thread, 'Once more')
  return {
    tenant,
    ann,
    bob,
    thread,
    message: `${thread}/messages/${sent.body.id}`,
    id: sent.body.id,
  }
}

/** Calls in a version, and keeps what was answered. */
function calling(user: User, version: string) {
  const operations = new Set<string>()
  return {
    operations,
    async call(operation: string, status: number, path: string, body?: object) {
      const [method = ''] = operation.split(' ')
      const asked = { version, ...(body === undefined ? {} : { body }) }
      const answer = await user.call(method, path, asked)
      assert.equal(answer.status, status, `${operation}: ${answer.text}`)
      assertNoKind(answer)
      operations.add(operation)
      return answer
    },
  }
}

for (const { version, hasMessageMetadata, hasRetention } of versions) {
  describe(`chat in ${version}`, () => {
    test('answers each of the 16 operations as the contract says', async () => {
      const { tenant, ann, bob, thread, message, id } = await scene()
      const { call, operations } = calling(ann, version)
      const added = { id: await createIdentity(tenant) }
      const created = await call('POST threads', 201, '', { topic: 'T', participants: [] })
      const other = `/${encodeURIComponent(created.body.chatThread.id)}`
      assert.ok(String(created.headers.location).endsWith(`${other.replace('%40', '@')}`))
      await call('GET threads', 200, '')
      await call('GET thread', 200, thread)
      const silent = [
        await call('PATCH thread', 204, other, { topic: 'U' }),
        await call('POST typing', 200, `${thread}/typing`),
        await call('POST readReceipts', 200, `${thread}/readReceipts`, { chatMessageId: id }),
        await call('PATCH message', 204, message, { content: 'Changed' }),
      ]
      await call('GET participants', 200, `${thread}/participants`)
      const participants = [participant(added), participant({ id: 'nobody' })]
      const told = await call('POST :add', 201, `${thread}/participants/:add`, { participants })
      assert.deepEqual(told.body.invalidParticipants?.length, 1)
      silent.push(
        await call('POST :remove', 204, `${thread}/participants/:remove`, { rawId: added.id }),
      )
      await call('POST messages', 201, `${thread}/messages`, { content: 'x' })
      await call('GET messages', 200, `${thread}/messages`)
      await call('GET message', 200, message)
      const receipts = await call('GET readReceipts', 200, `${thread}/readReceipts`)
      assert.equal(receipts.body.value[0]?.senderCommunicationIdentifier?.rawId, ann.id)
      silent.push(await call('DELETE message', 204, message))
      silent.push(await call('DELETE thread', 204, other))
      assert.deepEqual(new Set(silent.map(({ text }) => text)), new Set(['']))
      assert.equal(operations.size, 16)
      assert.ok(bob.id.startsWith('8:acs:'))
    })

    test('tells what it knows and no more, and links in its own words', async () => {
      const { ann, bob, thread, message } = await scene()
      const { call } = calling(bob, version)
      const shown = await call('GET thread', 200, thread)
      assert.equal('metadata' in shown.body, hasRetention)
      assert.equal('retentionPolicy' in shown.body, hasRetention)
      const people = await call('GET participants', 200, `${thread}/participants`)
      assert.equal(people.text.includes('metadata'), hasRetention)
      assert.equal('metadata' in (await call('GET message', 200, message)).body, hasMessageMetadata)
      const listed = await call('GET messages', 200, `${thread}/messages`)
      assert.equal(listed.text.includes('metadata'), hasMessageMetadata)
      for (const path of [`${thread}/messages`, `${thread}/participants`, '']) {
        if (path === '') await newThread(ann, [bob])
        const { body } = await call('GET page', 200, `${path}?maxPageSize=1`)
        assert.equal(new URL(body.nextLink ?? '').searchParams.get('api-version'), version)
      }
    })
  })
}

describe('chat', () => {
  test('knows no version before the first, and none that it was not told of', async () => {
    const { ann } = await scene()
    for (const version of ['2020-09-21-preview2', '2099-01-01', '']) {
      const { status, body } = await ann.call('GET', '', { version })
      assert.deepEqual([status, typeof body.error.code], [400, 'string'])
    }
    assert.equal(chatVersion, versions.at(-1)?.version)
  })
})
