/**
 * The statements of the simulated database. Each stands for the SQL of a `store.ts`, and does in
 * two steps what PostgreSQL does in two: what is read first, and what is true at the commit.
 */

import { deletedGeneration, type RevocationEvent, type SubjectKind } from '@parley/protocol'
import type { LogEvent, Placed } from '@parley/server/events/model'
import type { LogEnd, LogPage } from '@parley/server/events/store'
import type { NodeRow } from '@parley/server/nodes/model'
import type { NodePosition, Renewed } from '@parley/server/nodes/port'
import { resourceId } from '../vectors/press.ts'
import { type Execution, nameOf, noteCutOff, type Statement, type Stored } from './database.ts'
import { type Grant, idFor } from './tokens.ts'

/** The last number of the log. */
export function lastSeqOf({ seqBefore, log }: Stored): number {
  return seqBefore + log.length
}

/** Reads and changes nothing. */
function reading<Answer>(name: string, read: (stored: Stored) => Answer): Statement<Answer> {
  return { name, run: ({ stored }, answer) => answer(read(stored)) }
}

function rowsOf({ nodes }: Stored): readonly NodeRow[] {
  return [...nodes].map(([nodeId, row]) => ({ nodeId, ...row }))
}

function timelineOf({ timeline }: Stored): string {
  return `${timeline}`.padStart(8, '0')
}

function logEndOf(stored: Stored): LogEnd {
  return { lastSeq: lastSeqOf(stored), timeline: timelineOf(stored) }
}

/** What opening a session asks. */
export const greet: Statement<LogEnd> = reading('greet', logEndOf)

export const findLogEnd: Statement<LogEnd> = reading('find-end', logEndOf)

/** Ends what works for a connection. */
export function endBackend(end: () => void): Statement<undefined> {
  return {
    name: 'end-backend',
    run(_, answer) {
      end()
      answer(undefined)
    },
  }
}

export const findLastSeq: Statement<number> = reading('find-last', lastSeqOf)

export const readClock: Statement<number> = {
  name: 'clock',
  run: ({ now }, answer) => answer(now()),
}

export const listNodes: Statement<readonly NodeRow[]> = reading('look', rowsOf)

/** The cut-offs as a starting node reads them. */
export const listCutOffs: Statement<readonly RevocationEvent[]> = reading('snapshot', ({ log }) =>
  log.flatMap((event) => ('generation' in event ? [event] : [])),
)

/** The generations of the two access keys; none counts where the resource is gone. */
export const readKeys: Statement<Readonly<Record<'primary' | 'secondary', number>>> = reading(
  'read-keys',
  ({ cutOffs }) => {
    const isGone = cutOffs.has(nameOf('resource', resourceId))
    const generationOf = (slot: string) =>
      isGone ? 0 : (cutOffs.get(nameOf('access-key', slot)) ?? 1)
    return { primary: generationOf('primary'), secondary: generationOf('secondary') }
  },
)

export function listEventsAfter(afterSeq: number, eventsMax: number): Statement<LogPage> {
  return reading('read-log', (stored) => {
    const from = Math.max(0, afterSeq - stored.seqBefore)
    const events = stored.log.slice(from, from + eventsMax)
    const end = lastSeqOf(stored)
    const seqLast = events.length === eventsMax ? (events.at(-1)?.seq ?? end) : end
    return { events, seqLast, hasMore: seqLast < end }
  })
}

export function insertNode({ nodeId, appliedSeq }: NodePosition): Statement<undefined> {
  return {
    name: 'join',
    run: ({ stored, commit }, answer) =>
      commit({
        isDurable: true,
        apply: () => stored.nodes.set(nodeId, { renewals: 1, appliedSeq }),
        done: () => answer(undefined),
      }),
  }
}

export function renewNode({ nodeId, appliedSeq }: NodePosition): Statement<Renewed> {
  return {
    name: 'renew',
    run({ stored, rowLock, commit }, answer) {
      const seen = { nodes: rowsOf(stored), lastSeq: lastSeqOf(stored) }
      rowLock(nodeId).take((release) => {
        const row = stored.nodes.get(nodeId)
        if (row === undefined) {
          release()
          answer({ ...seen, isRenewed: false })
          return
        }
        const renewed = {
          renewals: row.renewals + 1,
          appliedSeq: Math.max(row.appliedSeq, appliedSeq),
        }
        commit({
          isDurable: true,
          apply: () => stored.nodes.set(nodeId, renewed),
          done() {
            release()
            answer({ ...seen, isRenewed: true })
          },
        })
      })
    },
  }
}

export function reportApplied({ nodeId, appliedSeq }: NodePosition): Statement<undefined> {
  return {
    name: 'report',
    run: (execution, answer) =>
      changeRow(execution, nodeId, {
        isDurable: false,
        change: (row) =>
          row.appliedSeq < appliedSeq ? { renewals: row.renewals, appliedSeq } : row,
        done: () => answer(undefined),
      }),
  }
}

export function endLease({ nodeId, renewals }: NodeRow): Statement<boolean> {
  return {
    name: 'end-lease',
    run(execution, answer) {
      let isEnded = false
      changeRow(execution, nodeId, {
        isDurable: true,
        change(row) {
          isEnded = row.renewals === renewals
          return isEnded ? undefined : row
        },
        done: () => answer(isEnded),
      })
    },
  }
}

export function deleteNode(nodeId: string): Statement<undefined> {
  return {
    name: 'leave',
    run: (execution, answer) =>
      changeRow(execution, nodeId, {
        isDurable: false,
        change: () => undefined,
        done: () => answer(undefined),
      }),
  }
}

type Row = { readonly renewals: number; readonly appliedSeq: number }

function changeRow(
  { stored, rowLock, commit }: Execution,
  nodeId: string,
  how: {
    readonly isDurable: boolean
    readonly change: (row: Row) => Row | undefined
    readonly done: () => void
  },
): void {
  const put = (row: Row | undefined) => {
    if (row === undefined) stored.nodes.delete(nodeId)
    else stored.nodes.set(nodeId, row)
  }
  rowLock(nodeId).take((release) => {
    const row = stored.nodes.get(nodeId)
    const done = () => {
      release()
      how.done()
    }
    const changed = row === undefined ? undefined : how.change(row)
    if (row === undefined || changed === row) return done()
    commit({ isDurable: how.isDurable, apply: () => put(changed), undo: () => put(row), done })
  })
}

/** Records a token by the generations that its statement reads; nothing for what is deleted. */
export function issueToken(ask: {
  readonly identityId: string
  readonly slot: 'primary' | 'secondary'
  readonly number: number
}): Statement<Grant | undefined> {
  return {
    name: 'issue',
    run({ stored, commit }, answer) {
      const { identityId, slot } = ask
      const { cutOffs } = stored
      const generation = cutOffs.get(nameOf('identity', identityId)) ?? 1
      const keyGeneration = cutOffs.get(nameOf('access-key', slot)) ?? 1
      const isOver = cutOffs.has(nameOf('resource', resourceId))
      if (isOver || generation === deletedGeneration) return answer(undefined)
      const jti = idFor('token', ask.number)
      const grant = { identityId, generation, slot, keyGeneration, jti }
      commit({ isDurable: true, apply: () => undefined, done: () => answer(grant) })
    },
  }
}

/** What is voided together: one kind, one transaction. */
export interface Cause {
  readonly kind: SubjectKind
  readonly subjects: readonly string[]
  /** Whether nothing of the subjects counts ever again, or only what is older. */
  readonly isForEver: boolean
  /** Whether the notice carries the events, or their numbers alone as for a long list. */
  readonly isNoticeWhole: boolean
}

/** Appends cut-offs; what is over for ever already has none. */
export function voidSubjects(cause: Cause): Statement<readonly LogEvent[]> {
  return {
    name: 'void',
    run({ stored, logLock, commit, announce }, answer) {
      logLock().take((release) => {
        const events = eventsOf(stored, cause)
        if (events.length === 0) {
          release()
          return answer([])
        }
        commit({
          isDurable: true,
          apply() {
            for (const event of events) {
              stored.log.push(event)
              noteCutOff(stored, event)
            }
            announce(noticeOf(events, cause))
          },
          done() {
            release()
            answer(events)
          },
        })
      })
    },
  }
}

const forgetAtMs = 2_000_000_000_000

function eventsOf(stored: Stored, cause: Cause): readonly (RevocationEvent & Placed)[] {
  const { kind, subjects, isForEver } = cause
  const isLive = (subject: string) =>
    stored.cutOffs.get(nameOf(kind, subject)) !== deletedGeneration
  const before = lastSeqOf(stored)
  return subjects.filter(isLive).map((subject, index) => ({
    kind,
    resourceId,
    subject,
    generation: isForEver
      ? deletedGeneration
      : (stored.cutOffs.get(nameOf(kind, subject)) ?? 1) + 1,
    seq: before + 1 + index,
    forgetAtMs,
    timeline: timelineOf(stored),
  }))
}

/** The text that the trigger of migration 0003 makes. */
function noticeOf(events: readonly RevocationEvent[], cause: Cause): string {
  const [first, last] = [events[0], events.at(-1)]
  const place = `${(first?.seq ?? 0) - 1}:${last?.seq}`
  if (!cause.isNoticeWhole) return place
  const pairs = events.map(({ subject, generation }) => `${subject}=${generation}`)
  return `${place}:${cause.kind}:${resourceId}:${forgetAtMs}:${pairs.join(',')}`
}
