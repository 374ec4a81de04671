/**
 * What clients saw, and whether it may have been so.
 *
 * A client sees the beginning and the end of what it asked, in true time. The promise speaks of
 * nothing else: what begins after a voiding was answered finds it done.
 */

import type { AccessKeySlot, RevocationEvent, SubjectKind } from '@parley/protocol'
import type { LogEvent } from '@parley/server/events/model'
import { resourceId } from '../vectors/press.ts'
import { nameOf, type SimulatedDatabase, type Stored } from './database.ts'
import { printEvent, type Said, type Voided } from './server.ts'
import { lastSeqOf } from './statements.ts'
import type { Grant } from './tokens.ts'

/** What was used: a token, or an access key of a generation. */
export type Used =
  | { readonly kind: 'token'; readonly grant: Grant }
  | { readonly kind: 'key'; readonly slot: AccessKeySlot; readonly generation: number }

/** The end of a use. */
export interface UseSeen {
  readonly used: Used
  readonly askedAtMs: number
  /** `undefined` when there was no answer at all. */
  readonly said: Said | undefined
  readonly node: string
}

/** Judges what is seen, as it is seen. */
export interface History {
  readonly noteUse: (seen: UseSeen) => void
  readonly noteVoided: (voided: Voided, node: string) => void
  /** Whether something counts, by what the database holds at this moment. */
  readonly isLive: (used: Used) => boolean
  /** Judges an event that a node applied after another one. */
  readonly noteApplied: (event: LogEvent, before: LogEvent | undefined, node: string) => void
  /** Notes events that a node knows of, however it came by them. */
  readonly noteKnown: (events: readonly LogEvent[], node: string) => void
  /** Judges what is left at the end. @param leftOvers - processes. */
  readonly close: (leftOvers: readonly string[]) => void
  /** What must not have been, in words. */
  readonly violations: readonly string[]
  readonly count: { uses: number; acceptances: number; voidings: number }
}

/** What a history is judged by. */
export interface HistoryOptions {
  readonly now: () => number
  readonly database: SimulatedDatabase
  /** From here on every node serves, and nothing is waited for. */
  readonly settledAtMs: number
  /** Who asks from here on is not refused: a request waits for its node as long as it may. */
  readonly currentFromMs: number
  /** How long a confirmation may take: the lease, on the slowest clock. */
  readonly confirmationMsMax: number
  /** And when all are well: from when the rows of the dead are gone. */
  readonly promptMsMax: number
  readonly promptFromMs: number
}

interface Answered {
  readonly event: RevocationEvent
  readonly atMs: number
}

/** Names what a token or a key depends on, and which generation it carries of each. */
function subjectsOf(used: Used): readonly (readonly [string, number])[] {
  const kind = (name: SubjectKind, subject: string) => nameOf(name, subject)
  const resource = [kind('resource', resourceId), 0] as const
  if (used.kind === 'key') return [resource, [kind('access-key', used.slot), used.generation]]
  const { identityId, generation, slot, keyGeneration, jti } = used.grant
  return [
    resource,
    [kind('identity', identityId), generation],
    [kind('access-key', slot), keyGeneration],
    [kind('token', jti), 0],
  ]
}

/** A voiding of what was used that had been answered when it was used. */
function answeredBefore(
  answered: ReadonlyMap<string, readonly Answered[]>,
  used: Used,
  askedAtMs: number,
  lost: ReadonlySet<LogEvent>,
): Answered | undefined {
  return subjectsOf(used).flatMap(([name, carried]) =>
    (answered.get(name) ?? []).filter(
      ({ event, atMs }) => carried < event.generation && atMs <= askedAtMs && !lost.has(event),
    ),
  )[0]
}

function isLiveBy(cutOffs: Stored['cutOffs'], used: Used): boolean {
  const isVoidByNone = subjectsOf(used).every(
    ([name, carried]) => carried >= (cutOffs.get(name) ?? 0),
  )
  return isVoidByNone && !isOfLostKey(cutOffs, used)
}

/** Whether an access key was made by an event that is lost: the database does not have it. */
function isOfLostKey(cutOffs: Stored['cutOffs'], used: Used): boolean {
  if (used.kind === 'token') return false
  return used.generation > (cutOffs.get(nameOf('access-key', used.slot)) ?? 1)
}

/** Whether something was voided by one of these events. */
function wasVoided(events: Iterable<LogEvent>, used: Used): boolean {
  const names = new Map(subjectsOf(used))
  return [...events].some(
    (event) =>
      'generation' in event &&
      (names.get(nameOf(event.kind, event.subject)) ?? Number.POSITIVE_INFINITY) < event.generation,
  )
}

/** A process that stood still takes what it heard before the database was another one, too. */
function isInLog({ log, seqBefore, lost }: Stored, event: LogEvent): boolean {
  const stored = log.slice(event.seq - seqBefore - 1, event.seq - seqBefore)
  return [...stored, ...lost].some((one) => printEvent(one) === printEvent(event))
}

/** What was answered and is not there at the end, without what a standby did not have. */
function missing(
  answered: ReadonlyMap<string, readonly Answered[]>,
  stored: Stored,
): readonly RevocationEvent[] {
  const isKept = (name: string, { generation, seq }: RevocationEvent) =>
    (stored.cutOffs.get(name) ?? 0) >= generation && seq <= lastSeqOf(stored)
  return [...answered].flatMap(([name, voidings]) =>
    voidings
      .map(({ event }) => event)
      .filter((event) => !stored.lost.has(event) && !isKept(name, event)),
  )
}

/** What nodes know of, whoever has lost it since. */
function createKnowledge(
  lost: Stored['lost'],
  settledAtMs: number,
): Pick<History, 'noteKnown'> & { readonly mayRefuse: (seen: UseSeen) => boolean } {
  const known = new Map<string, Set<string>>()
  return {
    noteKnown(events, node) {
      const ofNode = known.get(node) ?? new Set()
      for (const event of events) ofNode.add(printEvent(event))
      known.set(node, ofNode)
    },
    // Who knew of a lost event may refuse what it voided; of keys only until it has read again.
    mayRefuse({ used, askedAtMs, node }) {
      if (used.kind === 'key') return askedAtMs < settledAtMs && wasVoided(lost, used)
      const ofNode = known.get(node)
      const ofBoth = [...lost].filter((event) => ofNode?.has(printEvent(event)))
      return wasVoided(ofBoth, used)
    },
  }
}

/** Creates a history of nothing. */
export function createHistory(options: HistoryOptions): History {
  const { now, database, settledAtMs } = options
  const { cutOffs, lost } = database.stored
  const [violations, answered] = [[] as string[], new Map<string, Answered[]>()]
  const count = { uses: 0, acceptances: 0, voidings: 0 }
  const isLive = (used: Used) => isLiveBy(cutOffs, used)
  const violated = (what: string) => void violations.push(`at ${now().toFixed(3)} ms ${what}`)
  const { noteKnown, mayRefuse } = createKnowledge(lost, settledAtMs)
  return {
    violations,
    count,
    isLive,
    noteUse(seen) {
      const { used, askedAtMs, said, node } = seen
      count.uses += 1
      if (said === 'accepted') {
        count.acceptances += 1
        if (askedAtMs >= settledAtMs && isOfLostKey(cutOffs, used)) {
          violated(`${node} accepted an access key that was lost`)
        }
        const over = answeredBefore(answered, used, askedAtMs, lost)
        if (over === undefined) return
        const { event, atMs } = over
        const asked = `${node} accepted what it was asked about at ${askedAtMs.toFixed(3)}`
        violated(`${asked}; event ${event.seq} was answered at ${atMs.toFixed(3)}`)
      } else if (said === 'void') {
        const isRight = !isLive(used) || mayRefuse(seen)
        if (!isRight) violated(`${node} refused what nobody has voided`)
      } else if (askedAtMs >= (said === undefined ? settledAtMs : options.currentFromMs)) {
        violated(`${node} ${said === undefined ? 'did not answer' : 'was behind'} after healing`)
      }
    },
    noteVoided({ events, confirmedInMs }, node) {
      count.voidings += 1
      const atMs = now()
      for (const event of events as readonly RevocationEvent[]) {
        const name = nameOf(event.kind, event.subject)
        answered.set(name, [...(answered.get(name) ?? []), { event, atMs }])
      }
      const isPrompt = atMs - confirmedInMs > options.promptFromMs
      const mostMs = isPrompt ? options.promptMsMax : options.confirmationMsMax
      if (confirmedInMs > mostMs) {
        violated(`${node} took ${confirmedInMs.toFixed(0)} ms to confirm, ${mostMs} at most`)
      }
    },
    noteKnown,
    noteApplied(event, before, node) {
      // What was read together with one that could not be taken into account comes again.
      const isNext = before === undefined || event.seq <= before.seq + 1
      const isSame = isInLog(database.stored, event)
      if (!isNext || !isSame) violated(`${node} applied ${event.seq} after ${before?.seq}`)
    },
    close(leftOvers) {
      for (const name of leftOvers) violated(`something is left of a connection of ${name}`)
      for (const event of missing(answered, database.stored)) {
        violated(`event ${event.seq} was answered and is lost`)
      }
    },
  }
}
