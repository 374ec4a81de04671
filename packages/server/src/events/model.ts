/**
 * The log is the order in which things became void, the same for every node.
 *
 * An event is appended in the transaction of its cause, with the next number; numbers are taken
 * under a lock that is held to the commit, so they become visible in their order and without gaps.
 * Hence the whole rule for whoever follows: apply what comes after the last one applied, and read
 * from the database what is missing in between. The position of a node is one number.
 *
 * Two sorts of events stand in it. A cut-off voids tokens; it goes to the verifiers, here and
 * outside. A change voids nothing by itself: it says that something which nodes keep in memory is
 * another one now, and is followed by reading that again. It takes the same way because it needs
 * the same promise: a regenerated access key must be refused everywhere before it is answered.
 *
 * At each commit PostgreSQL wakes all nodes with a notice. It carries the events where they fit,
 * else only their numbers: a notice makes things fast and is never needed, since every renewal of a
 * lease tells the last number too.
 *
 * Whoever meets a kind of event that it does not know has met a later version of Parley. It cannot
 * tell what was cut off, so it goes no further in the log: nothing is applied beyond that number,
 * no lease is renewed by it, and a node that starts does not start.
 *
 * Rejected: an identity column as number. Readers of `seq > last` lost 0.7-0.9 % of the events,
 * because such numbers are given before the commit. Rejected too: a transaction-id horizon, which
 * one long transaction of anybody in the database holds back.
 */
import type { RevocationEvent, SubjectKind } from '@parley/protocol'

/** What of a node's memory is to be read again. */
export type ChangeKind = 'resource-changed' | 'signing-keys-changed'

/** Something that nodes keep in memory is another one now. */
export interface ChangeEvent {
  readonly kind: ChangeKind
  /** The resource that changed, appeared or went; for signing keys `everyResource`. */
  readonly resourceId: string
  readonly seq: number
  /** What of the resource it is about; absent: the resource as a whole. */
  readonly part?: string
}

/** An entry of the log. */
export type LogEvent = (RevocationEvent | ChangeEvent) & Appended & Placed

/** Of which log an entry is, where that has to be told. */
export interface Placed {
  /** The timeline of the database, as in `LogEnd`; absent in what was read or heard of a log. */
  readonly timeline?: string
}

/** What is known of when an entry was appended. */
export interface Appended {
  /**
   * By the clock of the database, right before the commit: only for measuring, against that same
   * clock. Absent where it was appended by a server that did not note it.
   */
  readonly appendedAtMs?: number
}

/** Stands for no resource in particular. */
export const everyResource = '00000000-0000-0000-0000-000000000000'

const eventKinds: Readonly<Record<LogEvent['kind'], true>> = {
  identity: true,
  'access-key': true,
  resource: true,
  token: true,
  'identity-scope': true,
  'resource-changed': true,
  'signing-keys-changed': true,
}

/** Says whether this version knows what an event of a kind means. */
function isEventKind(kind: string): kind is LogEvent['kind'] {
  return Object.hasOwn(eventKinds, kind)
}

/** Says whether an event voids tokens, which makes it one for verifiers. */
export function isCutOffEvent(event: LogEvent): event is RevocationEvent & Appended {
  return event.kind !== 'resource-changed' && event.kind !== 'signing-keys-changed'
}

/** Numbers that were taken together, with their events if those are at hand. */
export interface EventBatch {
  /** The number before the first. */
  readonly seqBefore: number
  readonly seqLast: number
  /** Exactly those of the numbers, in their order; `undefined`: to be read from the log. */
  readonly events: readonly LogEvent[] | undefined
  /** Of the log they were appended to, where a cause of this process says it. */
  readonly timeline?: string
}

/** A line of the log as a row or a notice tells it. */
export interface LogLine extends Appended {
  readonly kind: string
  readonly resourceId: string
  readonly subject: string
  readonly generation: number
  readonly seq: number
  readonly forgetAtMs: number
}

/**
 * The event of a line.
 *
 * @throws Error for a kind that only a later version knows: see the essay.
 */
export function eventOfLine(line: LogLine): LogEvent {
  const { kind, resourceId, subject, seq, appendedAtMs } = line
  if (kind === 'resource-changed' || kind === 'signing-keys-changed') {
    const part = subject === resourceId ? {} : { part: subject }
    const instant = appendedAtMs === undefined ? {} : { appendedAtMs }
    return { kind, resourceId, seq, ...part, ...instant }
  }
  return { ...line, kind: cutOffKindOf(kind) }
}

/**
 * The kind of a cut-off, as a row names it.
 *
 * @throws Error for one that only a later version knows: see the essay.
 */
export function cutOffKindOf(kind: string): SubjectKind {
  if (isEventKind(kind) && kind !== 'resource-changed' && kind !== 'signing-keys-changed') {
    return kind
  }
  throw new Error(
    `the log has an event of the kind ${kind}, which this version of Parley does not know`,
  )
}

/**
 * The batch that a cause appended.
 *
 * @param events - of one transaction, in any order.
 * @returns `undefined` for none.
 */
export function batchOf(events: readonly LogEvent[]): EventBatch | undefined {
  const inOrder = events.toSorted((one, other) => one.seq - other.seq)
  const [first] = inOrder
  const last = inOrder.at(-1)
  if (first === undefined || last === undefined) return undefined
  const seqBefore = first.seq - 1
  const isWhole = last.seq - seqBefore === inOrder.length
  const place = first.timeline === undefined ? {} : { timeline: first.timeline }
  const whole = isWhole ? inOrder.map(({ timeline: _, ...event }) => event) : undefined
  return { seqBefore, seqLast: last.seq, events: whole, ...place }
}

/** When the events up to a number were appended, as told right before their own notice. */
export interface AppendedNotice {
  readonly seqLast: number
  /** As in `Appended`. */
  readonly appendedAtMs: number
}

const appendedPattern = /^appended:(\d+):(\d+)$/

/**
 * Reads the notice `appended:last:microseconds`. It goes before the notice of the events rather
 * than in it, so that servers of the version before can read that one.
 *
 * @returns `undefined` for any other text.
 */
export function parseAppendedNotice(text: string): AppendedNotice | undefined {
  const [, last, instant] = appendedPattern.exec(text) ?? []
  if (last === undefined) return undefined
  return { seqLast: Number(last), appendedAtMs: Number(instant) / 1000 }
}

/**
 * The last number that a notice of events tells of, found without reading the events: a node hears
 * of its own too, which it knows already.
 *
 * @returns `undefined` for any other text.
 */
export function lastSeqOfNotice(text: string): number | undefined {
  const last = /^\d+:(\d+)/.exec(text)?.[1]
  return last === undefined ? undefined : Number(last)
}

const noticePattern =
  /^(\d+):(\d+)(?::([a-z-]+):([0-9a-f-]{36}):(\d+):((?:[0-9a-z-]+=\d+,)*[0-9a-z-]+=\d+))?$/

/**
 * Reads a notice: `before:last`, or with the events `before:last:kind:resource:forget_at:` and
 * `subject=generation,...`.
 *
 * An event of a kind that is not known is left to be read from the log, where that fails.
 *
 * @param appended - the last that was told of; that of other events says nothing about these.
 * @returns `undefined` for what no trigger of ours wrote; the next renewal finds what it stood for.
 */
export function parseNotice(text: string, appended?: AppendedNotice): EventBatch | undefined {
  const [, before, last, kind, resourceId = '', forgetAt, subjects] = noticePattern.exec(text) ?? []
  if (before === undefined) return undefined
  const [seqBefore, seqLast] = [Number(before), Number(last)]
  if (kind === undefined || subjects === undefined || !isEventKind(kind)) {
    return { seqBefore, seqLast, events: undefined }
  }
  const forgetAtMs = Number(forgetAt)
  const isTheirs = appended?.seqLast === seqLast
  const instant = isTheirs ? { appendedAtMs: appended.appendedAtMs } : {}
  const events = subjects.split(',').map((pair, index) => {
    const [subject = '', generation] = pair.split('=')
    const seq = seqBefore + 1 + index
    return eventOfLine({
      kind,
      resourceId,
      subject,
      generation: Number(generation),
      seq,
      forgetAtMs,
      ...instant,
    })
  })
  return { seqBefore, seqLast, events: events.length === seqLast - seqBefore ? events : undefined }
}
