/** What was said, as it is seen. */
import { type Conversation, type Entry, listOf, readersOf } from './conversations.ts'
import { avatar, element } from './elements.ts'

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** When something was said last, for the order of conversations. */
export function latestOf({ entries }: Conversation): number {
  return entries.at(-1)?.createdOn.getTime() ?? 0
}

/** The lines of a conversation. */
export function entriesOf(conversation: Conversation, me: string): readonly HTMLElement[] {
  const own = conversation.entries.filter(({ sender }) => sender === me)
  const lastOwn = own.at(-1)
  return conversation.entries.map((entry, index) => {
    if (entry.sender === '') return element('li', { class: 'happened' }, entry.text)
    const isFirst = conversation.entries[index - 1]?.sender !== entry.sender
    const seen = entry === lastOwn ? [seenOf(conversation, entry)] : []
    return lineOf(entry, { isMine: entry.sender === me, isFirst, seen })
  })
}

function lineOf(
  { senderName, text, createdOn }: Entry,
  how: { readonly isMine: boolean; readonly isFirst: boolean; readonly seen: readonly Node[] },
): HTMLElement {
  const time = element('time', { datetime: createdOn.toISOString() }, timeFormat.format(createdOn))
  const head = element('span', { class: 'who' }, how.isMine ? 'You' : senderName, ' ', time)
  const bubble = element('p', { class: 'bubble' }, text)
  const words = element('div', {}, ...(how.isFirst ? [head] : []), bubble, ...how.seen)
  const face = how.isFirst ? avatar(senderName) : element('span', { class: 'avatar none' })
  return element('li', { class: how.isMine ? 'said mine' : 'said' }, face, words)
}

function seenOf(conversation: Conversation, entry: Entry): Node {
  const names = readersOf(conversation, entry).map(({ name }) => name)
  const text = names.length === 0 ? 'Sent' : `Read by ${listOf(names)}`
  return element('span', { class: 'seen' }, text)
}
