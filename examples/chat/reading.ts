import type { ChatThreadClient } from '@azure/communication-chat'
import {
  type Conversation,
  type Entry,
  entryOf,
  identityOf,
  type Participant,
  participantOf,
} from './conversations.ts'

// The newest come first; a page that shows more asks for older ones when they are scrolled to.
const entriesMax = 200

/** Reads all that is shown of a conversation. */
export async function readConversation(
  thread: ChatThreadClient,
): Promise<Omit<Conversation, 'id' | 'typingUntilMs'>> {
  const { topic } = await thread.getProperties()
  const participants: Participant[] = []
  for await (const one of thread.listParticipants()) participants.push(participantOf(one))
  const entries: Entry[] = []
  for await (const message of thread.listMessages()) {
    const entry = entryOf(message)
    if (entry !== undefined) entries.unshift(entry)
    if (entries.length === entriesMax) break
  }
  const readOn = new Map<string, Date>()
  for await (const receipt of thread.listReadReceipts()) {
    readOn.set(identityOf(receipt.sender), receipt.readOn)
  }
  return { topic, participants, entries, readOn }
}
