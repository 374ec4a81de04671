/**
 * The ten events as their clients read them, printed once for all who hear of one.
 *
 * An event of a message names its recipient, so what is shared are the pieces before and after the
 * name. Three traps: what the client passes through `unescape` has its percent signs encoded;
 * several fields are JSON within the JSON; and the time of a receipt stands in the middle of
 * `consumptionhorizon`.
 *
 * @source contracts/README.md section 7.5, contracts/vectors/realtime-events.json.
 */
import type { NoticeEvent, NoticeMessage, NoticePerson, NoticeProperties } from '../notices.ts'
import type { NoticeBody } from './notice-text.ts'

/** A delivery without its number and without the name of its recipient. */
export interface PrintedNotice {
  readonly head: string
  /** `undefined` where the recipient is not named. */
  readonly tail: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** Stands where the recipient is named; no text on the wire can hold it unescaped. */
const hole = '\u0000'
const printedHole = JSON.stringify(JSON.stringify(hole).slice(1, -1)).slice(1, -1)

/** Prints an event for everybody who hears of it. */
export function printNotice(threadId: string, event: NoticeEvent): PrintedNotice {
  const body = JSON.stringify(bodyOf(threadId, event))
  const request = JSON.stringify({ method: 'POST', url: '/', headers: {}, body })
  const text = request.slice(1)
  if (!namesRecipient(event)) return { head: text, tail: undefined }
  const at = text.indexOf(printedHole)
  return { head: text.slice(0, at), tail: text.slice(at + printedHole.length) }
}

/** The same of an event as the database carries it. */
export function printBody(text: string): PrintedNotice {
  const { threadId, event }: NoticeBody = JSON.parse(text)
  return printNotice(threadId, event)
}

/**
 * Prints the delivery of an event to one of its recipients.
 *
 * @param to.rawId - as the wire names the recipient; letters, digits and `:_-`.
 */
export function printDelivery(
  { head, tail }: PrintedNotice,
  to: { readonly number: number; readonly rawId: string },
): string {
  const start = `3:::{"id":${to.number},${head}`
  return tail === undefined ? start : `${start}${to.rawId}${tail}`
}

function namesRecipient({ kind }: NoticeEvent): boolean {
  return !(kind.startsWith('chatThread') || kind.startsWith('participants'))
}

function bodyOf(threadId: string, event: NoticeEvent): Fields {
  switch (event.kind) {
    case 'chatMessageReceived':
      return { ...messageHead(200, threadId, event), ...contentOf(event.message) }
    case 'chatMessageEdited':
      return {
        ...messageHead(247, threadId, event),
        ...contentOf(event.message),
        edittime: instant(event.atMs),
      }
    case 'chatMessageDeleted':
      return { ...messageHead(248, threadId, event), deletetime: instant(event.atMs) }
    case 'typingIndicatorReceived':
      return {
        ...personHead(245, threadId, event.by),
        senderDisplayName: event.by.displayName,
        version: String(event.atMs),
        originalArrivalTime: instant(event.atMs),
      }
    case 'readReceiptReceived':
      return receiptOf(threadId, event)
    default:
      return threadEvent(threadId, event)
  }
}

function personHead(eventId: number, groupId: string, by: NoticePerson): Fields {
  // The recipient comes first of all that somebody may choose the text of.
  return { eventId, recipientMri: hole, senderId: by.rawId, groupId }
}

function messageHead(
  eventId: number,
  threadId: string,
  event: {
    readonly by: NoticePerson
    readonly message: Omit<NoticeMessage, 'content' | 'metadata'>
  },
): Fields {
  const { message, by } = event
  return {
    ...personHead(eventId, threadId, by),
    messageId: message.id,
    clientMessageId: '',
    senderDisplayName: message.senderDisplayName,
    originalArrivalTime: instant(message.createdAtMs),
    version: message.version,
    messageType: message.type === 'text' ? 'Text' : 'RichText/Html',
  }
}

function contentOf({ content, metadata }: NoticeMessage): Fields {
  return {
    messageBody: content,
    acsChatMessageMetadata: JSON.stringify(metadata ?? {}),
    attachments: '[]',
  }
}

function receiptOf(
  threadId: string,
  event: Extract<NoticeEvent, { readonly kind: 'readReceiptReceived' }>,
): Fields {
  const { by, messageId, atMs } = event
  const receipt = {
    user: by.rawId,
    consumptionhorizon: `${messageId};${atMs};0`,
    messageVisibilityTime: Number(messageId),
    version: String(atMs),
  }
  return {
    ...personHead(246, threadId, by),
    messageId,
    clientMessageId: '',
    messageBody: JSON.stringify(receipt),
  }
}

type ThreadEvent = Exclude<NoticeEvent, { readonly message: unknown } | MessageKind>
type MessageKind = {
  readonly kind: 'typingIndicatorReceived' | 'readReceiptReceived'
}

function threadEvent(threadId: string, event: ThreadEvent): Fields {
  const { atMs } = event
  const head = (eventId: number) => ({ eventId, threadId, version: String(atMs) })
  const time = instant(atMs)
  switch (event.kind) {
    case 'chatThreadCreated':
      return {
        ...head(257),
        createTime: time,
        createdBy: personOf(event.by),
        members: peopleOf(event.members),
        properties: propertiesOf(event.properties),
      }
    case 'chatThreadPropertiesUpdated':
      return {
        ...head(258),
        editTime: time,
        editedBy: personOf(event.by),
        properties: propertiesOf(event.properties),
      }
    case 'chatThreadDeleted': {
      const reason = event.by === undefined ? 'deletedByPolicy' : 'deletedByUser'
      const deletedBy = event.by === undefined ? '' : personOf(event.by)
      return { ...head(259), deleteTime: time, deletedBy, reason }
    }
    case 'participantsAdded': {
      const addedBy = personOf(event.by)
      return { ...head(260), time, addedBy, participantsAdded: peopleOf(event.people) }
    }
    case 'participantsRemoved': {
      const removedBy = personOf(event.by)
      return { ...head(261), time, removedBy, participantsRemoved: peopleOf(event.people) }
    }
  }
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString()
}

function personOf(person: NoticePerson): string {
  return unescapable(wirePerson(person))
}

function peopleOf(people: readonly NoticePerson[]): string {
  return unescapable(people.map(wirePerson))
}

function wirePerson({ rawId, displayName }: NoticePerson): Fields {
  return { participantId: rawId, displayName }
}

function propertiesOf({ topic, metadata, deleteAfterDays }: NoticeProperties): string {
  return unescapable({
    topic,
    ...(metadata === undefined ? {} : { acsChatThreadMetadata: JSON.stringify(metadata) }),
    ...(deleteAfterDays === undefined ? {} : { retentionPolicy: retentionOf(deleteAfterDays) }),
  })
}

function retentionOf(days: number): string {
  const executeAfter = `${days}.00:00:00`
  return JSON.stringify({ retentionPolicyType: 'DeleteAfterCreationTime', executeAfter })
}

/** JSON that comes through `unescape` unchanged. */
function unescapable(value: unknown): string {
  return JSON.stringify(value).replaceAll('%', '%25')
}
