/**
 * Notices as the database carries them: a line each, and all lines of a transaction in one
 * notification where that has the room.
 *
 * A line is `seq recipients body`; recipients are ids of identities, 22 characters each, so that a
 * node without any of them at a socket of its own need not read the body.
 */
import { isGuid } from '@parley/protocol'
import type { ChatNotice, NoticeEvent } from '../notices.ts'

/** A notice on its way to the sockets. */
export interface ToldNotice {
  readonly resourceId: string
  /** Its number; 0 for one that is not kept for those who are away. */
  readonly seq: number
  /** Short ids, one after the other. */
  readonly recipients: string
  readonly body: string
}

/** What a body says. */
export interface NoticeBody {
  readonly threadId: string
  readonly event: NoticeEvent
}

/** A notice before it has a number. */
export interface NoticeLine {
  readonly isKept: boolean
  /** Who did it; `undefined` where that is no identity. */
  readonly identityId: string | undefined
  readonly recipients: string
  readonly body: string
}

/** Characters of a short id. */
export const shortIdCharacters = 22

/** The short id of an identity: its 16 bytes in base64url. */
export function shortIdOf(identityId: string): string {
  return Buffer.from(identityId.replaceAll('-', ''), 'hex').toString('base64url')
}

/** Prints a notice. Who belongs to another service has no socket here, and is left out. */
export function lineOf({ resourceId, threadId, recipients, event }: ChatNotice): NoticeLine {
  const body: NoticeBody = { threadId, event }
  const ids = new Set(recipients.flatMap((rawId) => identityOf(rawId, resourceId) ?? []))
  return {
    // Who comes back in a minute has no use for who was typing then.
    isKept: event.kind !== 'typingIndicatorReceived',
    identityId: event.by === undefined ? undefined : identityOf(event.by.rawId, resourceId),
    recipients: [...ids].map(shortIdOf).join(''),
    body: JSON.stringify(body),
  }
}

function identityOf(rawId: string, resourceId: string): string | undefined {
  const prefix = `8:acs:${resourceId}_`
  const id = rawId.slice(prefix.length)
  return rawId.startsWith(prefix) && isGuid(id) ? id : undefined
}

/** What a notification brings: notices, or the numbers of those that are to be read. */
export type Notification =
  | { readonly kind: 'notices'; readonly notices: readonly ToldNotice[] }
  | { readonly kind: 'numbers'; readonly resourceId: string; readonly seqs: readonly number[] }

const linePattern = /^([0-9]{1,16}) ([A-Za-z0-9_-]*) (\{.*\})$/

/** Reads a notification; `undefined` for what no server of ours writes. */
export function parseNotification(text: string): Notification | undefined {
  const [resourceId = '', ...lines] = text.split('\n')
  if (!isGuid(resourceId)) return undefined
  const [first = ''] = lines
  if (/^@[0-9]+(,[0-9]+)*$/.test(first)) {
    return { kind: 'numbers', resourceId, seqs: first.slice(1).split(',').map(Number) }
  }
  const notices: ToldNotice[] = []
  for (const line of lines) {
    const found = linePattern.exec(line)
    if (found === null) return undefined
    const [, seq, recipients = '', body = ''] = found
    notices.push({ resourceId, seq: Number(seq), recipients, body })
  }
  return { kind: 'notices', notices }
}
