/** Who takes part: adding, removing, leaving, how many; typing and reading. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atOnce, createIdentity, told } from '../calls.ts'
import { type ChatAnswer, newThread, newUser, participant, say, seen, type User } from '../chat.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()
const toldOf = (answer: ChatAnswer) => told(answer as unknown as Parameters<typeof told>[0])
const forbidden = {
  status: 403,
  body: {
    error: { code: 'Forbidden', message: 'User is not allowed to perform specified action.' },
  },
}

async function people() {
  const tenant = await world.createTenant()
  const users = await atOnce(3, () => newUser(world, tenant))
  const [ann, bob, cyd] = users as [User, User, User]
  return { tenant, ann, bob, cyd }
}

const idsOf = (answer: ChatAnswer) =>
  answer.body.value.map((one) => one.communicationIdentifier.rawId)

const add = (user: User, thread: string, participants: readonly object[]) =>
  user.call('POST', `${thread}/participants/:add`, { body: { participants } })
const remove = (user: User, thread: string, id: string) =>
  user.call('POST', `${thread}/participants/:remove`, { body: { rawId: id } })

describe('a participant', () => {
  test('is listed as it was added, in the order of coming', async () => {
    const { ann, bob, cyd } = await people()
    const thread = await newThread(ann)
    const rest = {
      displayName: 'Bob "B"',
      metadata: { a: '1' },
      shareHistoryTime: '2026-01-01T00:00:00Z',
    }
    const answer = await add(ann, thread, [participant(cyd), participant(bob, rest)])
    assert.deepEqual(toldOf(answer), { status: 201, body: {} })
    const { value } = (await bob.call('GET', `${thread}/participants`)).body
    const shown = (user: User, more: object) => ({
      communicationIdentifier: { rawId: user.id, communicationUser: { id: user.id } },
      ...{ displayName: '', shareHistoryTime: '1970-01-01T00:00:00Z' },
      ...more,
    })
    assert.deepEqual(value, [shown(ann, {}), shown(cyd, {}), shown(bob, rest)])
    const old = await bob.call('GET', `${thread}/participants`, { version: '2024-03-07' })
    assert.ok(!old.text.includes('metadata'))
    const [message] = await seen(ann, thread)
    assert.deepEqual(
      message?.content?.participants?.map((one) => one.displayName),
      ['', 'Bob "B"'],
    )
  })

  test('that is there already stays as it is, and nothing is said', async () => {
    const { ann, bob } = await people()
    const thread = await newThread(ann, [bob])
    const answer = await add(bob, thread, [participant(ann, { displayName: 'other' })])
    assert.deepEqual(toldOf(answer), { status: 201, body: {} })
    assert.equal((await seen(ann, thread)).length, 2)
    const { value } = (await ann.call('GET', `${thread}/participants`)).body
    assert.deepEqual(
      value.map((one) => one.displayName),
      ['', ''],
    )
  })

  test('that cannot be added is told, and the others are added', async () => {
    const { ann, bob } = await people()
    const thread = await newThread(ann)
    const foreign = await newUser(world, await world.createTenant())
    const answer = await add(ann, thread, [participant(foreign), participant(bob)])
    const invalid = [{ code: '404', message: 'Not found', target: foreign.id }]
    assert.deepEqual(toldOf(answer), { status: 201, body: { invalidParticipants: invalid } })
    assert.deepEqual(idsOf(await bob.call('GET', `${thread}/participants`)), [ann.id, bob.id])
  })

  test('that leaves is out, and whoever is not in is removed as before', async () => {
    const { ann, bob, cyd } = await people()
    const thread = await newThread(ann, [bob])
    assert.deepEqual(toldOf(await remove(bob, thread, bob.id)), { status: 204, body: undefined })
    assert.deepEqual(idsOf(await ann.call('GET', `${thread}/participants`)), [ann.id])
    assert.equal((await remove(ann, thread, bob.id)).status, 204)
    assert.equal((await remove(ann, thread, cyd.id)).status, 204)
    assert.equal((await remove(ann, thread, 'x')).status, 204)
    assert.equal((await seen(ann, thread)).length, 3)
    for (const path of ['', '/participants', '/readReceipts']) {
      assert.deepEqual(toldOf(await bob.call('GET', `${thread}${path}`)), forbidden)
    }
    assert.deepEqual((await bob.call('GET', '')).body.value, [])
  })

  test('may be listed page by page', async () => {
    const { ann, bob, cyd } = await people()
    const thread = await newThread(ann, [bob, cyd])
    const path = `${thread}/participants?maxPageSize=2`
    const first = await ann.call('GET', path)
    assert.deepEqual(idsOf(first), [ann.id, bob.id])
    const next = new URL(first.body.nextLink ?? '')
    assert.match(next.search, /^\?skip=2&maxPageSize=2&api-version=/)
    const second = await ann.call('GET', next.pathname.slice('/chat/threads'.length) + next.search)
    assert.deepEqual([idsOf(second), second.body.nextLink], [[cyd.id], undefined])
  })

  test('may be one of 250 and no more, and of 200 in one call', async () => {
    const { tenant, ann } = await people()
    const ids = await atOnce(250, () => createIdentity(tenant))
    const asked = (from: number, to: number) => ids.slice(from, to).map((id) => participant({ id }))
    const thread = await newThread(ann)
    const many = await add(ann, thread, asked(0, 201))
    assert.deepEqual([many.status, many.body.error.target], [400, 'Participants'])
    assert.equal((await add(ann, thread, asked(0, 200))).status, 201)
    const over = await add(ann, thread, asked(200, 250))
    assert.deepEqual([over.status, over.body.error.target], [400, 'Participants'])
    assert.equal((await add(ann, thread, asked(200, 249))).status, 201)
    const { value, nextLink } = (await ann.call('GET', `${thread}/participants`)).body
    assert.deepEqual([value.length, nextLink === undefined], [200, false])
    const all = { body: { topic: 'T', participants: asked(0, 201) } }
    assert.equal((await ann.call('POST', '', all)).status, 400)
  })

  test('that is removed while it sends has said it before the removal or not at all', async () => {
    const { ann, bob } = await people()
    for (let round = 0; round < 8; round++) {
      const thread = await newThread(ann, [bob])
      const [answers] = await Promise.all([
        atOnce(12, (index) =>
          bob.call('POST', `${thread}/messages`, { body: { content: String(index) } }),
        ),
        remove(ann, thread, bob.id),
      ])
      const messages = await seen(ann, thread)
      const removal = messages.findIndex((one) => one.type === 'participantRemoved')
      assert.ok(messages.slice(0, removal).every((one) => one.type !== 'text'))
      const sent = answers.filter(({ status }) => status === 201).map(({ body }) => body.id)
      const stored = messages.filter((one) => one.type === 'text').map((one) => one.id)
      assert.deepEqual([...sent].sort(), [...stored].sort())
      assert.ok(answers.every(({ status }) => status === 201 || status === 403))
    }
  })
})

describe('a read receipt', () => {
  const read = (user: User, thread: string, chatMessageId: string) =>
    user.call('POST', `${thread}/readReceipts`, { body: { chatMessageId } })

  test('is one for each participant, and only moves forward', async () => {
    const { ann, bob, cyd } = await people()
    const thread = await newThread(ann, [bob, cyd])
    const [one, two] = [await say(ann, thread), await say(ann, thread)]
    for (const [user, id] of [
      [cyd, one],
      [bob, two],
      [bob, one],
    ] as const) {
      assert.deepEqual(toldOf(await read(user, thread, id)), { status: 200, body: undefined })
    }
    const { value } = (await ann.call('GET', `${thread}/readReceipts`)).body
    assert.deepEqual(
      value.map((receipt) => [receipt.senderCommunicationIdentifier?.rawId, receipt.chatMessageId]),
      [
        [bob.id, two],
        [cyd.id, one],
      ],
    )
    assert.match((value[0] as unknown as { readOn: string }).readOn, /^[-0-9]+T[:0-9]+Z$/)
    const page = await ann.call('GET', `${thread}/readReceipts?maxPageSize=1&skip=1`)
    assert.deepEqual([page.body.value.length, page.body.nextLink], [1, undefined])
  })

  test('is about a message that is there', async () => {
    const { ann } = await people()
    const thread = await newThread(ann)
    assert.equal((await read(ann, thread, '17')).status, 404)
    assert.equal((await read(ann, thread, 'x')).status, 404)
  })

  test('is not kept in a thread of more than 20', async () => {
    const { tenant, ann } = await people()
    const ids = await atOnce(20, () => createIdentity(tenant))
    const thread = await newThread(
      ann,
      ids.slice(1).map((id) => ({ id })),
    )
    const id = await say(ann, thread)
    const count = async () => (await ann.call('GET', `${thread}/readReceipts`)).body.value.length
    await add(ann, thread, [participant({ id: ids[0] ?? '' })])
    assert.equal((await read(ann, thread, id)).status, 200)
    assert.equal(await count(), 0)
    await remove(ann, thread, ids[0] ?? '')
    assert.equal((await read(ann, thread, id)).status, 200)
    assert.equal(await count(), 1)
  })
})

describe('typing', () => {
  test('is answered with nothing, with a name or without a body', async () => {
    const { ann } = await people()
    const thread = await newThread(ann)
    const done = { status: 200, body: undefined }
    const path = `${thread}/typing`
    assert.deepEqual(toldOf(await ann.call('POST', path)), done)
    assert.deepEqual(toldOf(await ann.call('POST', path, { version: '2021-03-07' })), done)
    const body = { senderDisplayName: 'Ann' }
    assert.deepEqual(toldOf(await ann.call('POST', path, { body })), done)
    const old = await ann.call('POST', path, { body, version: '2021-03-07' })
    assert.equal(old.status, 400)
  })
})
