/**
 * What participants are told the moment it happens: the ten events of the chat SDK, as facts.
 *
 * The rooms' statements publish them in the transaction of what they tell, so that nobody hears of
 * something that was rolled back and nothing that was committed stays untold. How a fact looks on
 * the wire, and how it finds the sockets of its recipients on every node, is `realtime/`.
 */
import type { Database, Transaction } from '../database/connect.ts'

/** Somebody in a thread, as events name people. */
export interface NoticePerson {
  /** The raw id, `8:acs:<resource>_<id>`. */
  readonly rawId: string
  /** `""` when none was given. */
  readonly displayName: string
}

/** A message, as events carry it. */
export interface NoticeMessage {
  /** Milliseconds since 1970 as a decimal string, one of its kind in the thread. */
  readonly id: string
  readonly version: string
  readonly type: 'text' | 'html'
  readonly content: string
  readonly senderDisplayName: string
  readonly createdAtMs: number
  /** Undefined when the message has none. */
  readonly metadata: Readonly<Record<string, string>> | undefined
}

/** What a thread says of itself; undefined where an event does not change it. */
export interface NoticeProperties {
  readonly topic: string | undefined
  readonly metadata: Readonly<Record<string, string>> | undefined
  /** Days after its creation that the thread is deleted; undefined: it is kept. */
  readonly deleteAfterDays: number | undefined
}

/** What happened. Times are milliseconds since 1970; `by` is who did it. */
export type NoticeEvent =
  | {
      readonly kind: 'chatMessageReceived'
      readonly by: NoticePerson
      readonly message: NoticeMessage
    }
  | {
      readonly kind: 'chatMessageEdited'
      readonly by: NoticePerson
      readonly message: NoticeMessage
      readonly atMs: number
    }
  | {
      readonly kind: 'chatMessageDeleted'
      readonly by: NoticePerson
      readonly message: Omit<NoticeMessage, 'content' | 'metadata'>
      readonly atMs: number
    }
  | { readonly kind: 'typingIndicatorReceived'; readonly by: NoticePerson; readonly atMs: number }
  | {
      readonly kind: 'readReceiptReceived'
      readonly by: NoticePerson
      readonly messageId: string
      readonly atMs: number
    }
  | {
      readonly kind: 'chatThreadCreated'
      readonly by: NoticePerson
      readonly atMs: number
      readonly members: readonly NoticePerson[]
      readonly properties: NoticeProperties
    }
  | {
      readonly kind: 'chatThreadPropertiesUpdated'
      readonly by: NoticePerson
      readonly atMs: number
      readonly properties: NoticeProperties
    }
  | {
      readonly kind: 'chatThreadDeleted'
      /** Undefined when a retention policy did it. */
      readonly by: NoticePerson | undefined
      readonly atMs: number
    }
  | {
      readonly kind: 'participantsAdded' | 'participantsRemoved'
      readonly by: NoticePerson
      readonly atMs: number
      readonly people: readonly NoticePerson[]
    }

/** One event and who is to hear of it. */
export interface ChatNotice {
  readonly resourceId: string
  /** `19:...@thread.v2` */
  readonly threadId: string
  /** Raw ids; who did it is among them where he takes part, since his devices are told too. */
  readonly recipients: readonly string[]
  readonly event: NoticeEvent
}

/**
 * Publishes notices with the transaction, or at once where there is none (typing). They are heard
 * when it commits, and never if it does not.
 */
export type PublishNotices = (
  db: Transaction | Database,
  notices: readonly ChatNotice[],
) => Promise<void>
