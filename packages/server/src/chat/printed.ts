/** Things of chat as replies print them. */
import type { Static } from '@sinclair/typebox'
import { type ApiVersion, isInRange } from '../contract/versions.ts'
import {
  type addedSchema,
  fifthVersion,
  type messageSchema,
  type pageSchemas,
  secondVersion,
  type threadSchema,
} from './fields.ts'
import type { Message } from './message-store.ts'
import { sentKinds } from './messages.ts'
import type { InvalidParticipant, Participant } from './participants.ts'
import type { Receipt } from './receipts.ts'
import { rawIdFor } from './room.ts'
import { printThreadId, type ThreadName, wholeSecond } from './thread.ts'
import type { ListedThread } from './thread-store.ts'

type Item<Page extends keyof typeof pageSchemas> = Static<
  (typeof pageSchemas)[Page]
>['value'][number]
type PrintedParticipant = Item<'participants'>
type Identifier = PrintedParticipant['communicationIdentifier']

/** Prints an instant of chat: whole seconds. @source recorded answers, `2023-04-01T10:20:30Z`. */
function printSecond(atMs: number): string {
  return `${new Date(wholeSecond(atMs)).toISOString().slice(0, 19)}Z`
}

/** Prints somebody. */
function printIdentifier(resourceId: string, identityId: string): Identifier {
  const rawId = rawIdFor(resourceId, identityId)
  return { rawId, communicationUser: { id: rawId } }
}

/** Prints a thread. */
export function printThread(
  thread: ThreadName & {
    readonly topic: string
    readonly createdAtMs: number
    readonly createdBy: string
    readonly metadata?: Readonly<Record<string, string>> | undefined
    readonly deleteAfterDays: number | null
  },
  version: ApiVersion,
): Static<typeof threadSchema> {
  const { resourceId, topic, createdAtMs, createdBy, deleteAfterDays } = thread
  const hasMore = isInRange(version, fifthVersion)
  const { metadata: kept } = thread
  return {
    id: printThreadId(thread),
    topic,
    createdOn: printSecond(createdAtMs),
    createdByCommunicationIdentifier: printIdentifier(resourceId, createdBy),
    ...(hasMore && kept !== undefined ? { metadata: kept } : {}),
    ...(hasMore ? { retentionPolicy: printRetention(deleteAfterDays) } : {}),
  }
}

function printRetention(days: number | null): { kind: string; deleteThreadAfterDays?: number } {
  if (days === null) return { kind: 'none' }
  return { kind: 'threadCreationDate', deleteThreadAfterDays: days }
}

/** Prints a thread in the list of somebody's threads. */
export function printThreadItem(
  resourceId: string,
  { threadId, topic, lastMessageId }: ListedThread,
): Item<'threads'> {
  const id = printThreadId({ resourceId, threadId })
  return { id, topic, lastMessageReceivedOn: printSecond(lastMessageId) }
}

/** Prints a participant. */
export function printParticipant(
  resourceId: string,
  one: Participant,
  version: ApiVersion,
): PrintedParticipant {
  const { identityId, displayName, shareHistoryAtMs } = one
  const hasMetadata = isInRange(version, fifthVersion) && one.metadata !== undefined
  return {
    communicationIdentifier: printIdentifier(resourceId, identityId),
    displayName,
    shareHistoryTime: printSecond(shareHistoryAtMs),
    ...(hasMetadata ? { metadata: one.metadata } : {}),
  }
}

/** Prints those who were not added; nothing where all were. */
export function printInvalid(invalid: readonly InvalidParticipant[]): Static<typeof addedSchema> {
  if (invalid.length === 0) return {}
  return { invalidParticipants: invalid.map((one) => ({ ...one })) }
}

/** Prints a message. */
export function printMessage(
  resourceId: string,
  message: Message,
  version: ApiVersion,
): Static<typeof messageSchema> {
  const { messageId, kind: type, sequence, senderId, editedAtMs, deletedAtMs } = message
  const isSent = sentKinds.includes(type)
  const hasMetadata = isInRange(version, secondVersion) && message.metadata !== undefined
  const content = deletedAtMs === undefined ? printContent(resourceId, message) : undefined
  return {
    id: String(messageId),
    type,
    sequenceId: String(sequence),
    version: String(message.version),
    ...(content === undefined ? {} : { content }),
    senderDisplayName: message.senderDisplayName,
    createdOn: printSecond(messageId),
    ...(isSent && senderId !== undefined
      ? { senderCommunicationIdentifier: printIdentifier(resourceId, senderId) }
      : {}),
    ...(deletedAtMs === undefined ? {} : { deletedOn: printSecond(deletedAtMs) }),
    ...(editedAtMs === undefined ? {} : { editedOn: printSecond(editedAtMs) }),
    ...(hasMetadata ? { metadata: message.metadata } : {}),
  }
}

function printContent(
  resourceId: string,
  { kind: type, content = '', senderId, people }: Message,
): Static<typeof messageSchema>['content'] {
  if (sentKinds.includes(type)) return { message: content }
  const said = type === 'topicUpdated' ? { topic: content } : { participants: people.map(print) }
  if (senderId === undefined) return said
  return { ...said, initiatorCommunicationIdentifier: printIdentifier(resourceId, senderId) }

  function print(person: Message['people'][number]): PrintedParticipant {
    const { identityId, displayName, shareHistoryAtMs: since } = person
    return {
      communicationIdentifier: printIdentifier(resourceId, identityId),
      displayName,
      ...(since === undefined ? {} : { shareHistoryTime: printSecond(since) }),
    }
  }
}

/** Prints a receipt. */
export function printReceipt(resourceId: string, receipt: Receipt): Item<'receipts'> {
  const { identityId, messageId, readAtMs } = receipt
  return {
    senderCommunicationIdentifier: printIdentifier(resourceId, identityId),
    chatMessageId: String(messageId),
    readOn: printSecond(readAtMs),
  }
}
