/**
 * Chatting through the official SDK: what a person does goes out, what happens comes in, and when
 * his access is taken away it is over.
 */
import { ChatClient } from '@azure/communication-chat'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import { createTokenRefresher, TokenRefreshError } from '@parley/trusted-service/client'
import {
  type Conversation,
  countUnread,
  identityOf,
  type Participant,
  withEntry,
} from './conversations.ts'
import { readConversation } from './reading.ts'

/** What a chat needs to know. */
export interface ChatOptions {
  /** Origin of the service. */
  readonly endpoint: string
  readonly me: Participant
  /** Told whenever something is different now. */
  readonly onChange: () => void
  /** Told once, when the app gives no more tokens: his access was taken away, or he signed out. */
  readonly onCutOff: () => void
}

/** The chat of one person in one tab. */
export interface Chat {
  readonly me: Participant
  /** By id, in the order in which they became known. */
  readonly conversations: ReadonlyMap<string, Conversation>
  /** Whether notifications come in. */
  readonly isConnected: () => boolean
  readonly create: (topic: string, others: readonly Participant[]) => Promise<string>
  readonly add: (conversation: string, others: readonly Participant[]) => Promise<void>
  readonly send: (conversation: string, text: string) => Promise<void>
  readonly tellTyping: (conversation: string) => void
  readonly markRead: (conversation: string) => void
  readonly close: () => Promise<void>
}

/** What is behind a chat. The client is another one after each loss of the connection. */
interface Line extends ChatOptions {
  readonly conversations: Map<string, Conversation>
  client: ChatClient
  credential: AzureCommunicationTokenCredential
  isConnected: boolean
  isOver: boolean
  toldTypingAtMs: number
  /** Conversations that are being read, by id. */
  readonly readings: Map<string, Reading>
}

interface Reading {
  promise: Promise<void>
  /** Whether something came in since it began. */
  isStale: boolean
}

const refreshToken = createTokenRefresher()
const typingMs = 8_000
const typingToldEveryMs = 3_000
const readingsMax = 5
const pauseMs = 2_000

/** Opens the chat: lists the conversations and begins to listen. */
export async function openChat(options: ChatOptions): Promise<Chat> {
  const line: Line = {
    ...options,
    ...newClient(options.endpoint),
    conversations: new Map(),
    isConnected: false,
    isOver: false,
    toldTypingAtMs: 0,
    readings: new Map(),
  }
  await connect(line).catch(() => comeBack(line))
  return {
    me: options.me,
    conversations: line.conversations,
    isConnected: () => line.isConnected,
    create: (topic, others) => create(line, topic, others),
    add: async (id, others) => {
      await guarded(line, () => threadOf(line, id).addParticipants(printed(others)))
    },
    send: async (id, content) => {
      const senderDisplayName = line.me.name
      await guarded(line, () => threadOf(line, id).sendMessage({ content }, { senderDisplayName }))
    },
    tellTyping: (id) => tellTyping(line, id),
    markRead: (id) => void markRead(line, id),
    close: async () => {
      line.isOver = true
      await hangUp(line)
    },
  }
}

function newClient(endpoint: string) {
  const credential = new AzureCommunicationTokenCredential({
    tokenRefresher: refreshToken,
    refreshProactively: true,
  })
  return { credential, client: new ChatClient(endpoint, credential) }
}

function threadOf({ client }: Line, id: string) {
  return client.getChatThreadClient(id)
}

function printed(people: readonly Participant[]) {
  return {
    participants: people.map(({ identity, name }) => ({
      id: { communicationUserId: identity },
      displayName: name,
    })),
  }
}

/** Listens first and reads second, so that nothing is missed in between. */
async function connect(line: Line): Promise<void> {
  await guarded(line, async () => {
    await line.client.startRealtimeNotifications()
    listen(line, line.client)
    for await (const { id, deletedOn } of line.client.listChatThreads()) {
      if (deletedOn === undefined) await load(line, id)
    }
  })
  line.onChange()
}

async function hangUp({ client, credential }: Line): Promise<void> {
  credential.dispose()
  await client.stopRealtimeNotifications()
}

/**
 * Hears of everything. A message that comes in is put in its place; of what happens to a
 * conversation itself it is enough to know that it did, and to read the conversation anew.
 */
function listen(line: Line, client: ChatClient): void {
  const loadAgain = ({ threadId }: { readonly threadId: string }) =>
    void load(line, threadId).then(line.onChange, () => leave(line, threadId))
  client.on('chatThreadCreated', loadAgain)
  client.on('chatThreadPropertiesUpdated', loadAgain)
  client.on('participantsAdded', loadAgain)
  client.on('participantsRemoved', loadAgain)
  client.on('chatMessageEdited', loadAgain)
  client.on('chatMessageDeleted', loadAgain)
  client.on('chatThreadDeleted', ({ threadId }) => leave(line, threadId))
  client.on('chatMessageReceived', (event) => {
    const { id, threadId, message: text, senderDisplayName: senderName, createdOn } = event
    const sender = identityOf(event.sender)
    change(line, threadId, (conversation) => {
      const entry = { id, sender, senderName, text, createdOn: new Date(createdOn) }
      conversation.entries = withEntry(conversation.entries, entry)
      conversation.typingUntilMs.delete(sender)
    })
  })
  client.on('typingIndicatorReceived', ({ threadId, sender }) => {
    const untilMs = Date.now() + typingMs
    change(line, threadId, ({ typingUntilMs }) => typingUntilMs.set(identityOf(sender), untilMs))
    setTimeout(line.onChange, typingMs + 100)
  })
  client.on('readReceiptReceived', ({ threadId, sender, readOn }) => {
    change(line, threadId, (one) => one.readOn.set(identityOf(sender), new Date(readOn)))
  })
  client.on('realTimeNotificationConnected', () => setConnected(line, client, true))
  client.on('realTimeNotificationDisconnected', () => setConnected(line, client, false))
}

function change(line: Line, id: string, act: (conversation: Conversation) => unknown): void {
  const reading = line.readings.get(id)
  if (reading !== undefined) reading.isStale = true
  const conversation = line.conversations.get(id)
  if (conversation === undefined) return
  act(conversation)
  line.onChange()
}

function leave({ conversations, onChange }: Line, id: string): void {
  conversations.delete(id)
  onChange()
}

function setConnected(line: Line, client: ChatClient, isConnected: boolean): void {
  if (line.isOver || line.client !== client) return
  line.isConnected = isConnected
  line.onChange()
  if (!isConnected) void comeBack(line)
}

/**
 * The connection is gone. The token may be void while it looks good: so a new one is asked for. If
 * the app has none, access was taken away; else everything is begun anew with it.
 */
async function comeBack(line: Line): Promise<void> {
  while (!line.isOver) {
    await hangUp(line)
    const token = await tokenOrRefusal()
    if (token === 'refused') return cutOff(line)
    if (token === 'given' && (await isBack(line))) return
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

async function isBack(line: Line): Promise<boolean> {
  try {
    Object.assign(line, newClient(line.endpoint))
    await connect(line)
    return true
  } catch {
    // Whatever it was, it is tried again: nobody waits for an answer here.
    return false
  }
}

function cutOff(line: Line): void {
  if (line.isOver) return
  line.isOver = true
  void hangUp(line)
  line.onCutOff()
}

async function tokenOrRefusal(): Promise<'given' | 'refused' | 'unknown'> {
  try {
    await refreshToken()
    return 'given'
  } catch (error) {
    const { status } = error instanceof TokenRefreshError ? error : { status: 0 }
    return [401, 403, 404].includes(status) ? 'refused' : 'unknown'
  }
}

/** Does something at the service; if that fails because access was taken away, it is over. */
async function guarded(line: Line, act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if ((await tokenOrRefusal()) !== 'refused') throw error
    cutOff(line)
  }
}

/** Reads a conversation; once for all who ask for it meanwhile. */
function load(line: Line, id: string): Promise<void> {
  const running = line.readings.get(id)
  if (running !== undefined) {
    running.isStale = true
    return running.promise
  }
  const reading: Reading = { isStale: true, promise: Promise.resolve() }
  line.readings.set(id, reading)
  reading.promise = loadUntilFresh(line, id, reading).finally(() => line.readings.delete(id))
  return reading.promise
}

/** What comes in while it is read may be missing in what was read: then it is read again. */
async function loadUntilFresh(line: Line, id: string, reading: Reading): Promise<void> {
  for (let count = 0; reading.isStale && count < readingsMax; count += 1) {
    reading.isStale = false
    const read = await readConversation(threadOf(line, id))
    const typingUntilMs = line.conversations.get(id)?.typingUntilMs ?? new Map<string, number>()
    line.conversations.set(id, { id, ...read, typingUntilMs })
  }
}

async function create(line: Line, topic: string, others: readonly Participant[]): Promise<string> {
  let id = ''
  await guarded(line, async () => {
    const people = printed([line.me, ...others])
    const { chatThread } = await line.client.createChatThread({ topic }, people)
    id = chatThread?.id ?? ''
    await load(line, id)
  })
  line.onChange()
  return id
}

/** Told now and then while somebody types, not with each key. */
function tellTyping(line: Line, id: string): void {
  if (Date.now() - line.toldTypingAtMs < typingToldEveryMs) return
  line.toldTypingAtMs = Date.now()
  const senderDisplayName = line.me.name
  void guarded(line, () => threadOf(line, id).sendTypingNotification({ senderDisplayName }))
}

async function markRead(line: Line, id: string): Promise<void> {
  const conversation = line.conversations.get(id)
  const { identity } = line.me
  if (conversation === undefined || countUnread(conversation, identity) === 0) return
  const last = conversation.entries.findLast(({ sender }) => sender !== '' && sender !== identity)
  if (last === undefined) return
  // At once, so that it is not told twice.
  conversation.readOn.set(identity, last.createdOn)
  line.onChange()
  await guarded(line, () => threadOf(line, id).sendReadReceipt({ chatMessageId: last.id }))
}
