import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Transaction } from '../database/connect.ts'
import { createGather } from '../foundation/gather.ts'
import { createRecentlyUsed, type RecentlyUsed } from '../foundation/recently-used.ts'
import type { ChatNotice } from './notices.ts'
import { listMemberIds } from './participant-store.ts'
import { type ChatRoom, rawIdFor, recipientsOf } from './room.ts'
import { insertMessages, type NewMessage, type Stored } from './send-store.ts'
import { printThreadId, type ThreadName } from './thread.ts'

/** A message and the resource in which it is sent. */
export interface SendAsk {
  readonly resourceId: string
  readonly message: NewMessage
}

/**
 * Sends a message: stores it, counts it and tells the participants, all or nothing.
 *
 * @returns its id.
 * @faults `entry-unknown`, `user-not-allowed`.
 */
export type SendMessage = (ask: SendAsk) => Promise<Result<number, Fault>>

/**
 * Creates the function that sends. Messages of a resource that arrive together share a statement,
 * a notice and a commit.
 */
export function createSendMessage(room: ChatRoom): SendMessage {
  const rosters = createRecentlyUsed<readonly string[]>(serverLimits.chatRostersRememberedMax)
  const gather = createGather<SendAsk, Stored>({
    keyOf: (ask) => ask.resourceId,
    answerAll: (resourceId, asks) =>
      storeAll(
        { ...room, rosters },
        resourceId,
        asks.map((ask) => ask.message),
      ),
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return async (ask) => {
    for (;;) {
      const stored = await gather.ask(ask)
      if (stored.kind === 'again') continue
      if (stored.kind === 'stored') return ok(stored.messageId)
      if (stored.kind === 'thread') return fail({ kind: 'entry-unknown', what: 'thread' })
      return fail({ kind: 'user-not-allowed', reason: stored.kind })
    }
  }
}

interface SendingRoom extends ChatRoom {
  /** Who takes part in a thread, by thread and roster: a roster never changes. */
  readonly rosters: RecentlyUsed<readonly string[]>
}

async function storeAll(
  room: SendingRoom,
  resourceId: string,
  messages: readonly NewMessage[],
): Promise<readonly Stored[]> {
  const { db, platform, publish } = room
  return db.begin(async (transaction) => {
    const nowMs = platform.now()
    const stored = await insertMessages(transaction, resourceId, { messages, nowMs })
    const notices: ChatNotice[] = []
    for (const [index, message] of messages.entries()) {
      const one = stored[index]
      if (one?.kind !== 'stored') continue
      const name = { resourceId, threadId: message.threadId }
      const recipients = await recipientsIn(room, transaction, { name, roster: one.roster })
      notices.push(noticeOf(name, message, { messageId: one.messageId, recipients }))
    }
    if (notices.length > 0) await publish(transaction, notices)
    return stored
  })
}

async function recipientsIn(
  { rosters }: SendingRoom,
  db: Transaction,
  { name, roster }: { readonly name: ThreadName; readonly roster: number },
): Promise<readonly string[]> {
  const key = `${name.threadId}/${roster}`
  const known = rosters.find(key)
  if (known !== undefined) return known
  // The statement before this one holds the thread, so this is the roster that it saw.
  const recipients = recipientsOf(name, await listMemberIds(db, name))
  rosters.put(key, recipients)
  return recipients
}

function noticeOf(
  name: ThreadName,
  message: NewMessage,
  told: { readonly messageId: number; readonly recipients: readonly string[] },
): ChatNotice {
  const { resourceId } = name
  const { senderId, senderDisplayName, kind, content, metadata } = message
  const id = String(told.messageId)
  return {
    resourceId,
    threadId: printThreadId(name),
    recipients: told.recipients,
    event: {
      kind: 'chatMessageReceived',
      by: { rawId: rawIdFor(resourceId, senderId), displayName: senderDisplayName },
      message: {
        ...{ id, version: id, type: kind, content, senderDisplayName, metadata },
        createdAtMs: told.messageId,
      },
    },
  }
}
