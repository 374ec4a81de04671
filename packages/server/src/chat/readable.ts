import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import type { UserCall } from '../contract/user-operation.ts'
import type { Transaction } from '../database/connect.ts'
import { findMessage, type Message } from './message-store.ts'
import { parseMessageId, windowOf } from './messages.ts'
import type { ChatRoom, Membership } from './room.ts'

/** Finds the message that a call names, if the caller may read it. @faults `entry-unknown`. */
export async function findReadable(
  db: ChatRoom['db'] | Transaction,
  { params }: Pick<UserCall<unknown>, 'params'>,
  { thread, participant }: Membership,
): Promise<Result<Message, Fault>> {
  const messageId = parseMessageId(params['chatMessageId'] ?? '')
  if (messageId === undefined) return unknownMessage
  const found = await findMessage(db, thread, { messageId, window: windowOf(participant) })
  return found === undefined ? unknownMessage : ok(found)
}

/** There is no such message, or none for the caller. */
export const unknownMessage = fail<Fault>({ kind: 'entry-unknown', what: 'message' })
