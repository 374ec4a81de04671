/**
 * Messages: what participants say, and what the thread says of itself.
 *
 * A message has an id (the instant at which it was stored, one of its kind in the thread), a
 * sequence without gaps, and a version that each change raises. Only its sender changes or deletes
 * it. A deleted message keeps its place, so that whoever saw it learns that it is gone; of what it
 * said nothing stays. The messages of a deleted identity are not even that: they are gone for all.
 *
 * Html is cleaned before it is stored, so that no client has to trust another one. Text is stored
 * as it is: to show it as html is a mistake that cleaning would only hide.
 *
 * A page ends at an id, and the next one begins below it. Ids become visible in their order (see
 * thread.ts), so nothing that arrives meanwhile moves a page.
 *
 * @source ACS Chat 2025-03-15, `ChatMessage`; docs/decisions/0120-html-is-cleaned-when-stored.md
 */
import sanitizeHtml from 'sanitize-html'
import type { FieldFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { faultOfText } from './texts.ts'

/** What participants send. */
export type SentKind = 'text' | 'html'

/** Every kind of message; the others are of the system. */
export type MessageKind = SentKind | 'topicUpdated' | 'participantAdded' | 'participantRemoved'

/** The kinds in which participants send. */
export const sentKinds: readonly string[] = ['text', 'html'] satisfies readonly SentKind[]

/** Which messages of a thread somebody may read, by their ids; both ends inclusive. */
export interface Window {
  readonly from: number
  readonly until: number
}

/** What decides that: how much of the history is shared, and the last message of the removed. */
export interface Reader {
  readonly shareHistoryAtMs: number
  readonly removedAtMessage: number | undefined
}

/** The messages that somebody may read. */
export function windowOf(reader: Reader): Window {
  const until = reader.removedAtMessage ?? Number.MAX_SAFE_INTEGER
  return { from: reader.shareHistoryAtMs, until }
}

/** What is wrong with a message's content; `undefined`: nothing. */
export function faultOfContent(content: string): FieldFault | undefined {
  const { chatMessageBytesMax: max } = serverLimits
  const isTooLarge = content.length > max || Buffer.byteLength(content) > max
  if (isTooLarge) return { field: 'content', problem: `Larger than ${max} bytes.` }
  return faultOfText('content', content)
}

/** A message's content as it is stored. */
export function storedContent(kind: SentKind, content: string): string {
  return kind === 'html' ? sanitizeHtml(content, allowed) : content
}

/**
 * What people write and quote; nothing that runs, loads, or looks like the page around it. An image
 * may be named and not loaded: a picture from elsewhere tells its owner who reads, and when.
 */
const allowed: sanitizeHtml.IOptions = {
  allowedTags: [...sanitizeHtml.defaults.allowedTags, 'img', 'del', 'ins'],
  allowedAttributes: {
    a: ['href', 'title'],
    img: ['id', 'alt', 'width', 'height'],
    td: ['colspan', 'rowspan'],
    th: ['colspan', 'rowspan'],
  },
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowProtocolRelative: false,
  disallowedTagsMode: 'discard',
}

const idPattern = /^[1-9][0-9]{0,15}$/

/** Reads the id of a message; `undefined` for what is none. */
export function parseMessageId(text: string): number | undefined {
  const id = idPattern.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(id) ? id : undefined
}

/** The text in which a link keeps the message that its page ended at. */
export function printSyncState(lastId: number): string {
  return Buffer.from(`1:${lastId}`).toString('base64url')
}

/** Reads such a text; `undefined` for what we did not write. */
export function parseSyncState(text: string): number | undefined {
  const decoded = Buffer.from(text.slice(0, 64), 'base64url').toString('latin1')
  return decoded.startsWith('1:') ? parseMessageId(decoded.slice(2)) : undefined
}
