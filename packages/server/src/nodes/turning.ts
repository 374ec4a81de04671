import type { Result } from '@parley/protocol'
import type { Tail } from '../events/tail.ts'
import type { Log } from '../foundation/log.ts'
import type { FollowedLog } from './followed-log.ts'
import { isSameLog } from './model.ts'
import type { NodeDatabase, Session, SessionFault } from './port.ts'

/** A node, to what opens its sessions. */
export interface Turning {
  readonly database: NodeDatabase
  readonly log: Pick<Log, 'warn'>
  readonly tail: Pick<Tail, 'appliedSeq' | 'startAgain'>
  readonly followed: FollowedLog
}

/** What is done with a session. */
export interface TurningActs {
  readonly onNotice: (text: string) => void
  /** Comes before the turn: nothing is accepted by what memory has of another log. */
  readonly giveUpLease: () => void
}

/** Opens a session, and turns to the log that it shows if that is another one. */
export async function openSessionOf(
  life: Turning,
  { onNotice, giveUpLease }: TurningActs,
): Promise<Result<Session, SessionFault>> {
  const { database, log, tail, followed } = life
  const known = { timeline: followed.timeline(), appliedSeq: tail.appliedSeq() }
  const opened = await database.openSession(onNotice)
  if (!opened.ok) return opened
  const { logEnd } = opened.value
  if (isSameLog(known, logEnd)) return opened
  const { timeline: formerTimeline, appliedSeq } = known
  const told = { formerTimeline, appliedSeq, ...logEnd }
  // Where nothing was read yet there is none that it could be another one than.
  if (formerTimeline !== '') log.warn(told, 'the log is another one; memory is read again')
  giveUpLease()
  followed.turnTo(logEnd)
  tail.startAgain(logEnd.lastSeq)
  return opened
}
