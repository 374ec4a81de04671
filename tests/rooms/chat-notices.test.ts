/** What participants are told, as the rooms hand it over: by whom, to whom, and never too much. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import type { ChatNotice } from '@parley/server/chat/notices'
import { chatOperations } from '@parley/server/chat/operations'
import type { UserCaller } from '@parley/server/contract/user-operation'
import { createPlatform } from '@parley/server/foundation/platform'
import { atOnce, createIdentity } from '../calls.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()
const { db } = world

/** Chat of its own on the database of the world, whose notices are kept. */
async function theRoom() {
  const tenant = await world.createTenant()
  const { resourceId } = tenant
  const notices: ChatNotice[] = []
  let isBroken = false
  const operations = chatOperations({
    db,
    platform: createPlatform({ now: world.now, monotonicNow: () => 0, randomBytes }),
    endpointFor: () => 'https://chat.example/',
    findResource: () => undefined,
    publish: async (_, told) => {
      notices.push(...told)
      if (isBroken) throw new Error('nobody can be told')
    },
  })
  const call = async (who: string, id: string, asked: object = {}) => {
    const operation = operations.find((one) => one.id.endsWith(`_${id}`))
    assert.ok(operation !== undefined, id)
    const identityId = who.slice(-36)
    const caller: UserCaller = {
      ...{ resourceId, identityId, rawId: who, scopes: ['chat'] as const, expiresAtMs: 0 },
      subjects: [],
    }
    const outcome = await operation.handle({
      ...{ caller, params: {}, query: {}, headers: {}, body: {}, requestId: '' },
      ...{ version: '2025-03-15', nowMs: world.now() },
      ...asked,
    })
    assert.ok(outcome.ok, JSON.stringify(outcome))
    return outcome.value as { readonly body: { readonly id: string } }
  }
  const ids = await atOnce(3, () => createIdentity(tenant))
  const [ann, bob, cyd] = ids as [string, string, string]
  const participants = [person(bob, 'Bob')]
  const body = { topic: 'T', participants, metadata: { a: '1' } }
  const created = await call(ann, 'CreateChatThread', { body })
  const { id: threadId } = (created.body as unknown as { chatThread: { id: string } }).chatThread
  const params = { chatThreadId: threadId }
  const take = () => notices.splice(0)
  const setBroken = (is: boolean) => {
    isBroken = is
  }
  return { resourceId, threadId, params, call, take, setBroken, ann, bob, cyd }
}

const person = (id: string, displayName: string) => ({
  communicationIdentifier: { rawId: id },
  displayName,
})

/** A notice without its times, its recipients in order. */
function timeless({ recipients, event, ...rest }: ChatNotice) {
  const { atMs, ...others } = { atMs: 0, ...event }
  return { ...rest, recipients: [...recipients].sort(), event: others }
}

describe('the participants', () => {
  test('are told of a thread that is created, changed and deleted', async () => {
    const { resourceId, threadId, params, call, take, ann, bob } = await theRoom()
    const recipients = [ann, bob].sort()
    const told = { resourceId, threadId, recipients }
    const by = { rawId: ann, displayName: '' }
    const properties = { topic: 'T', metadata: { a: '1' }, deleteAfterDays: undefined }
    const members = [by, { rawId: bob, displayName: 'Bob' }]
    assert.deepEqual(take().map(timeless), [
      { ...told, event: { kind: 'chatThreadCreated', by, members, properties } },
    ])
    const retentionPolicy = { kind: 'threadCreationDate', deleteThreadAfterDays: 40 }
    const body = { topic: 'U', metadata: { a: null }, retentionPolicy }
    await call(bob, 'UpdateChatThreadProperties', { params, body })
    const byBob = { rawId: bob, displayName: 'Bob' }
    const changed = { topic: 'U', metadata: undefined, deleteAfterDays: 40 }
    const updated = { kind: 'chatThreadPropertiesUpdated', by: byBob, properties: changed }
    assert.deepEqual(take().map(timeless), [{ ...told, event: updated }])
    await call(ann, 'DeleteChatThread', { params })
    assert.deepEqual(take().map(timeless), [{ ...told, event: { kind: 'chatThreadDeleted', by } }])
  })

  test('are told of messages that are sent, changed and deleted, once', async () => {
    const { resourceId, threadId, params, call, take, ann, bob } = await theRoom()
    take()
    const told = { resourceId, threadId, recipients: [ann, bob].sort() }
    const by = { rawId: ann, displayName: 'A' }
    const body = { content: '<b>x</b><script></script>', type: 'html', senderDisplayName: 'A' }
    const { id } = (await call(ann, 'SendChatMessage', { params, body })).body
    const message = { id, version: id, type: 'html', content: '<b>x</b>', senderDisplayName: 'A' }
    const sent = { ...message, metadata: undefined, createdAtMs: Number(id) }
    assert.deepEqual(take().map(timeless), [
      { ...told, event: { kind: 'chatMessageReceived', by, message: sent } },
    ])
    const at = { ...params, chatMessageId: id }
    const change = { content: 'y', metadata: { b: '2' } }
    await call(ann, 'UpdateChatMessage', { params: at, body: change })
    const [edited, ...others] = take()
    assert.deepEqual(others, [])
    assert.ok(edited?.event.kind === 'chatMessageEdited' && edited.event.message.version > id)
    const { version } = edited.event.message
    assert.deepEqual(edited.event.message, { ...sent, ...change, version })
    await call(ann, 'DeleteChatMessage', { params: at })
    const [deleted] = take()
    assert.ok(deleted?.event.kind === 'chatMessageDeleted')
    assert.doesNotMatch(JSON.stringify(deleted), /content|metadata/)
    await call(ann, 'DeleteChatMessage', { params: at })
    assert.deepEqual(take(), [])
  })

  test('are told who comes and goes; whoever is removed hears of that and no more', async () => {
    const { params, call, take, ann, bob, cyd } = await theRoom()
    take()
    const added = { participants: [person(cyd, 'Cyd')] }
    await call(ann, 'AddChatParticipants', { params, body: added })
    await call(ann, 'AddChatParticipants', { params, body: added })
    await call(cyd, 'SendChatMessage', { params, body: { content: 'x' } })
    await call(ann, 'RemoveChatParticipant', { params, body: { rawId: cyd } })
    await call(ann, 'RemoveChatParticipant', { params, body: { rawId: cyd } })
    await call(ann, 'SendChatMessage', { params, body: { content: 'y' } })
    const all = [ann, bob, cyd].sort()
    const heard = take().map(timeless)
    assert.deepEqual(
      heard.map(({ event, recipients }) => [event.kind, recipients]),
      [
        ['participantsAdded', all],
        ['chatMessageReceived', all],
        ['participantsRemoved', all],
        ['chatMessageReceived', [ann, bob].sort()],
      ],
    )
    const people = [{ rawId: cyd, displayName: 'Cyd' }]
    const by = { rawId: ann, displayName: '' }
    assert.deepEqual(heard[0]?.event, { kind: 'participantsAdded', by, people })
    assert.deepEqual(heard[2]?.event, { kind: 'participantsRemoved', by, people })
  })

  test('are told who types and reads, up to twenty of them', async () => {
    const { params, call, take, ann, bob } = await theRoom()
    const { id } = (await call(ann, 'SendChatMessage', { params, body: { content: 'x' } })).body
    take()
    await call(bob, 'SendTypingNotification', { params })
    await call(bob, 'SendChatReadReceipt', { params, body: { chatMessageId: id } })
    await call(bob, 'SendChatReadReceipt', { params, body: { chatMessageId: id } })
    const by = { rawId: bob, displayName: 'Bob' }
    assert.deepEqual(
      take().map((one) => timeless(one).event),
      [
        { kind: 'typingIndicatorReceived', by },
        { kind: 'readReceiptReceived', by, messageId: id },
      ],
    )
  })

  test('have nothing to be told of where telling fails', async () => {
    const { params, call, setBroken, ann } = await theRoom()
    setBroken(true)
    const body = { content: 'lost' }
    await assert.rejects(call(ann, 'SendChatMessage', { params, body }), /nobody can be told/)
    const topic = { topic: 'lost' }
    await assert.rejects(call(ann, 'UpdateChatThreadProperties', { params, body: topic }))
    setBroken(false)
    const page = await call(ann, 'ListChatMessages', { params })
    assert.doesNotMatch(JSON.stringify(page), /lost/)
  })
})
