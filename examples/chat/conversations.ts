/**
 * What is known of the conversations of one person, and how an event of the service changes it.
 *
 * Nothing here talks to anybody: `chat.ts` does, and `chat-view.ts` shows what stands here.
 */
import type { ChatMessage, ChatParticipant } from '@azure/communication-chat'
import type { CommunicationIdentifier } from '@azure/communication-common'

/** Somebody in a conversation. */
export interface Participant {
  readonly identity: string
  readonly name: string
}

/** Something that was said, or that happened. */
export interface Entry {
  readonly id: string
  /** Whose it is; empty for what happened. */
  readonly sender: string
  readonly senderName: string
  readonly text: string
  readonly createdOn: Date
}

/** One conversation. */
export interface Conversation {
  readonly id: string
  topic: string
  participants: readonly Participant[]
  /** The oldest first. */
  entries: readonly Entry[]
  /** Up to when each participant has read. */
  readonly readOn: Map<string, Date>
  /** Until when each participant counts as typing, milliseconds since the Unix epoch. */
  readonly typingUntilMs: Map<string, number>
}

/** The id of somebody, as this app compares it. */
export function identityOf(identifier: CommunicationIdentifier | undefined): string {
  if (identifier === undefined || !('communicationUserId' in identifier)) return ''
  return identifier.communicationUserId
}

/** A participant as the service lists him. */
export function participantOf({ id, displayName }: ChatParticipant): Participant {
  return { identity: identityOf(id), name: displayName ?? 'Somebody' }
}

/** A message as the service lists it, or `undefined` for one that is not shown. */
export function entryOf(message: ChatMessage): Entry | undefined {
  const { id, createdOn, content } = message
  if (message.deletedOn !== undefined) return undefined
  const happened = (text: string): Entry => ({ id, createdOn, sender: '', senderName: '', text })
  const names = (content?.participants ?? []).map(({ displayName }) => displayName ?? 'Somebody')
  switch (message.type) {
    case 'text':
    case 'html': {
      const [sender, senderName] = [identityOf(message.sender), message.senderDisplayName ?? '']
      return { id, createdOn, sender, senderName, text: content?.message ?? '' }
    }
    case 'participantAdded':
      return happened(`${listOf(names)} joined`)
    case 'participantRemoved':
      return happened(`${listOf(names)} left`)
    default:
      return undefined
  }
}

/** Names as a sentence has them. */
export function listOf(names: readonly string[]): string {
  return new Intl.ListFormat('en').format(names)
}

/** Puts an entry in its place; one that is there already is replaced. */
export function withEntry(entries: readonly Entry[], entry: Entry): readonly Entry[] {
  const others = entries.filter(({ id }) => id !== entry.id)
  return [...others, entry].sort((left, right) => Number(left.id) - Number(right.id))
}

/** Messages of others that came after what `identity` has read. */
export function countUnread({ entries, readOn }: Conversation, identity: string): number {
  const read = readOn.get(identity)?.getTime() ?? 0
  return entries.filter(
    ({ sender, createdOn }) => sender !== '' && sender !== identity && createdOn.getTime() > read,
  ).length
}

/** Who has read a message, besides its sender. */
export function readersOf(
  { participants, readOn }: Conversation,
  { sender, createdOn }: Entry,
): readonly Participant[] {
  return participants.filter(({ identity }) => {
    const read = readOn.get(identity)
    return identity !== sender && read !== undefined && read >= createdOn
  })
}
