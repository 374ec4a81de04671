/**
 * What every generation of the official chat client can do over https, as one specification.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ChatClient, ChatMessage, ChatThreadClient } from '@azure/communication-chat'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { refusalOf, theServer } from './the-server.ts'

/** One published version of the client. */
export interface ChatGeneration {
  readonly version: string
  readonly connect: (endpoint: string, credential: AzureCommunicationTokenCredential) => ChatClient
  /** Whether it knows retention policies, and metadata of threads and participants. */
  readonly hasRetention: boolean
}

/** A person with a client. */
interface Person {
  readonly communicationUserId: string
  readonly client: ChatClient
}

type Scope = 'chat' | 'voip'

async function person(generation: ChatGeneration, scopes: Scope[] = ['chat']): Promise<Person> {
  const { endpoint, banner } = await theServer()
  const identities = new CommunicationIdentityClient(banner.connectionString)
  const { user, token } = await identities.createUserAndToken(scopes)
  const client = generation.connect(endpoint, new AzureCommunicationTokenCredential(token))
  return { communicationUserId: user.communicationUserId, client }
}

const idOf = ({ communicationUserId }: Person) => ({ communicationUserId })

/** Two people in a thread, each with a client of it. */
async function thread(generation: ChatGeneration) {
  const [ann, bob] = [await person(generation), await person(generation)]
  const participants = [{ id: idOf(bob), displayName: 'Bob' }]
  const { chatThread } = await ann.client.createChatThread({ topic: 'Lunch' }, { participants })
  assert.ok(chatThread !== undefined)
  const of = (one: Person) => one.client.getChatThreadClient(chatThread.id)
  return { ann, bob, created: chatThread, atAnn: of(ann), atBob: of(bob) }
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

const shown = ({ type, content }: ChatMessage) => content?.message ?? content?.topic ?? type

const forbidden = { name: 'RestError', statusCode: 403, code: 'Forbidden' }
const unauthorized = { name: 'RestError', statusCode: 401, code: 'Unauthorized' }

/** Specifies one generation, with nothing but the endpoint, a token and the CA. */
export function specifyChat(generation: ChatGeneration): void {
  describe(`the chat client ${generation.version}`, () => {
    specifyThreads(generation)
    specifyMessages(generation)
    specifyPaging(generation)
    specifyPeople(generation)
    specifyRefusals(generation)
  })
}

function specifyThreads(generation: ChatGeneration): void {
  test('creates a thread, once for one token, and reads what it created', async () => {
    const { client, communicationUserId } = await person(generation)
    const nobody = { id: { communicationUserId: 'nobody' } }
    const options = { idempotencyToken: 'once', participants: [nobody] }
    const first = await client.createChatThread({ topic: 'T' }, options)
    const again = await client.createChatThread({ topic: 'T' }, options)
    assert.deepEqual(again, first)
    assert.deepEqual(first.invalidParticipants, [
      { code: '404', message: 'Not found', target: 'nobody' },
    ])
    const { id = '', createdOn, createdBy } = first.chatThread ?? {}
    assert.deepEqual(
      [createdOn?.getMilliseconds(), createdBy],
      [0, { kind: 'communicationUser', communicationUserId }],
    )
    const properties = await client.getChatThreadClient(id).getProperties()
    assert.deepEqual([properties.id, properties.topic, properties.createdOn], [id, 'T', createdOn])
    assert.equal((await all(client.listChatThreads())).length, 1)
  })

  test('changes the topic, and deletes the thread', async () => {
    const { ann, created, atAnn, atBob } = await thread(generation)
    await atBob.updateTopic('Dinner')
    assert.equal((await atAnn.getProperties()).topic, 'Dinner')
    await ann.client.deleteChatThread(created.id)
    const { statusCode } = await refusalOf(atBob.getProperties())
    assert.equal(statusCode, 404)
    assert.deepEqual(await all(ann.client.listChatThreads()), [])
  })

  if (!generation.hasRetention) return
  test('gives a thread metadata and a time to live', async () => {
    const { client } = await person(generation)
    const retentionPolicy = { kind: 'threadCreationDate', deleteThreadAfterDays: 60 } as const
    const { chatThread } = await client.createChatThread(
      { topic: 'T' },
      { metadata: { a: '1' }, retentionPolicy },
    )
    assert.deepEqual(chatThread?.metadata, { a: '1' })
    assert.deepEqual(chatThread?.retentionPolicy, retentionPolicy)
    const at = client.getChatThreadClient(chatThread?.id ?? '')
    await at.updateProperties({ metadata: { b: '2' }, retentionPolicy: { kind: 'none' } })
    const { metadata, retentionPolicy: now } = await at.getProperties()
    assert.deepEqual([metadata, now], [{ a: '1', b: '2' }, { kind: 'none' }])
  })
}

function specifyMessages(generation: ChatGeneration): void {
  test('sends, reads, changes and deletes a message', async () => {
    const { ann, atAnn, atBob } = await thread(generation)
    const content = 'Hi <b>all</b> \u{1f600}'
    const options = { senderDisplayName: 'Ann', metadata: { a: '1' } }
    const { id } = await atAnn.sendMessage({ content }, options)
    const message = await atBob.getMessage(id)
    assert.deepEqual(
      [message.id, message.type, message.sequenceId, message.version, message.content],
      [id, 'text', '3', id, { message: content }],
    )
    assert.deepEqual([message.senderDisplayName, message.metadata], ['Ann', { a: '1' }])
    const { communicationUserId } = ann
    assert.deepEqual(message.sender, { kind: 'communicationUser', communicationUserId })
    await atAnn.updateMessage(id, { content: 'Bye', metadata: { a: '2' } })
    const changed = await atBob.getMessage(id)
    assert.deepEqual([changed.content?.message, changed.metadata], ['Bye', { a: '2' }])
    assert.ok(changed.editedOn instanceof Date)
    assert.deepEqual(await refusalOf(atBob.updateMessage(id, { content: 'x' })), forbidden)
    await atAnn.deleteMessage(id)
    assert.ok((await atBob.getMessage(id)).deletedOn instanceof Date)
  })

  test('reads what the system says', async () => {
    const { ann, bob, atBob } = await thread(generation)
    const [topic, added] = await all(atBob.listMessages())
    assert.deepEqual([topic?.type, topic?.content?.topic], ['topicUpdated', 'Lunch'])
    assert.equal(added?.type, 'participantAdded')
    const people = added?.content?.participants?.map((one) => [one.id, one.displayName])
    const known = ({ communicationUserId }: Person) => ({
      kind: 'communicationUser',
      communicationUserId,
    })
    assert.deepEqual(people, [
      [known(ann), ''],
      [known(bob), 'Bob'],
    ])
    assert.deepEqual(added?.content?.initiator, known(ann))
  })
}

function specifyPaging(generation: ChatGeneration): void {
  test('follows the pages of messages while others arrive, and meets each once', async () => {
    const { atAnn, atBob } = await thread(generation)
    for (let index = 0; index < 11; index++) await atAnn.sendMessage({ content: `old ${index}` })
    const found: string[] = []
    for await (const page of atBob.listMessages({ maxPageSize: 3 }).byPage()) {
      const { length } = page as unknown as ChatMessage[]
      assert.ok(length <= 3)
      found.push(...(page as unknown as ChatMessage[]).map(shown))
      await atAnn.sendMessage({ content: 'new' })
    }
    const old = Array.from({ length: 11 }, (_, index) => `old ${10 - index}`)
    assert.deepEqual(found, [...old, 'Lunch', 'participantAdded'])
  })

  test('follows the pages of threads, participants and receipts', async () => {
    const { client } = await person(generation)
    const guests = await Promise.all([1, 2, 3, 4].map(() => person(generation)))
    const participants = guests.map((one) => ({ id: idOf(one) }))
    const { chatThread } = await client.createChatThread({ topic: 'T' }, { participants })
    for (let index = 0; index < 4; index++) await client.createChatThread({ topic: 'T' })
    const { id: threadId = '' } = chatThread ?? {}
    const at = client.getChatThreadClient(threadId)
    const { id: chatMessageId } = await at.sendMessage({ content: 'x' })
    for (const guest of guests) {
      await guest.client.getChatThreadClient(threadId).sendReadReceipt({ chatMessageId })
    }
    const maxPageSize = 2
    assert.equal((await all(client.listChatThreads({ maxPageSize }))).length, 5)
    assert.equal((await all(at.listParticipants({ maxPageSize }))).length, 5)
    const receipts = await all(at.listReadReceipts({ maxPageSize }))
    assert.deepEqual(
      receipts.map((one) => one.chatMessageId),
      guests.map(() => chatMessageId),
    )
    assert.ok(receipts.every((one) => one.readOn instanceof Date))
  })
}

function specifyPeople(generation: ChatGeneration): void {
  test('adds and removes people, who type and leave', async () => {
    const { bob, atAnn, atBob } = await thread(generation)
    const cyd = await person(generation)
    const shareHistoryTime = new Date('2026-01-01T00:00:00Z')
    const participant = { id: idOf(cyd), displayName: 'Cyd', shareHistoryTime }
    const { invalidParticipants } = await atAnn.addParticipants({ participants: [participant] })
    assert.equal(invalidParticipants, undefined)
    const names = async (at: ChatThreadClient) =>
      (await all(at.listParticipants())).map((one) => one.displayName)
    assert.deepEqual(await names(atAnn), ['', 'Bob', 'Cyd'])
    assert.equal(await atBob.sendTypingNotification(), true)
    await atAnn.removeParticipant(idOf(cyd))
    await atBob.removeParticipant(idOf(bob))
    assert.deepEqual(await names(atAnn), [''])
    assert.deepEqual(await refusalOf(atBob.sendMessage({ content: 'x' })), forbidden)
    const [last] = await all(atBob.listMessages())
    assert.equal(last?.type, 'participantRemoved')
  })
}

function specifyRefusals(generation: ChatGeneration): void {
  test('learns that a token is for calls, and that another one is revoked', async () => {
    const caller = await person(generation, ['voip'])
    assert.deepEqual(await refusalOf(caller.client.createChatThread({ topic: 'T' })), forbidden)
    assert.deepEqual(await refusalOf(all(caller.client.listChatThreads())), forbidden)
    const { banner } = await theServer()
    const { bob, atBob } = await thread(generation)
    await new CommunicationIdentityClient(banner.connectionString).revokeTokens(idOf(bob))
    assert.deepEqual(await refusalOf(atBob.sendMessage({ content: 'x' })), unauthorized)
  })
}
