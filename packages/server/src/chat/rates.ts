import type { Operation } from '../contract/operation.ts'
import type { RateName } from '../foundation/rates.ts'

/** Which rate each operation of chat counts in, by its id. @source ACS service limits, chat. */
const chatRates: Readonly<Record<string, RateName>> = {
  Chat_CreateChatThread: 'chat-thread-create-or-delete',
  Chat_DeleteChatThread: 'chat-thread-create-or-delete',
  Chat_ListChatThreads: 'chat-thread-read',
  ChatThread_GetChatThreadProperties: 'chat-thread-read',
  ChatThread_UpdateChatThreadProperties: 'chat-thread-update',
  ChatThread_ListChatParticipants: 'chat-participants-list',
  ChatThread_AddChatParticipants: 'chat-participants-change',
  ChatThread_RemoveChatParticipant: 'chat-participants-change',
  ChatThread_SendChatMessage: 'chat-message-write',
  ChatThread_UpdateChatMessage: 'chat-message-write',
  ChatThread_DeleteChatMessage: 'chat-message-write',
  ChatThread_ListChatMessages: 'chat-message-list',
  ChatThread_GetChatMessage: 'chat-message-read',
  ChatThread_SendChatReadReceipt: 'chat-receipt-send',
  ChatThread_ListChatReadReceipts: 'chat-receipt-list',
  ChatThread_SendTypingNotification: 'chat-typing',
}

/** Gives each operation of chat its rate; one without is a bug. */
export function withRate(operation: Operation): Operation {
  const rate = chatRates[operation.id]
  if (rate === undefined) throw new Error(`${operation.id} has a published rate`)
  return { ...operation, rate }
}
