import type { Result } from '@parley/protocol'
import { isDatabaseUnavailable } from '../database/availability.ts'
import type { Log } from '../foundation/log.ts'
import { pauseFor, type Timers } from '../foundation/timers.ts'
import type { LeaseTerms } from './model.ts'
import type { Backend, Session, SessionFault } from './port.ts'

/** A node, to what keeps it among the others. */
export interface Staying {
  readonly terms: LeaseTerms
  readonly timers: Timers
  readonly log: Pick<Log, 'warn' | 'error'>
  session: Session | undefined
  readonly isClosing: boolean
}

/** What is done in a stay. */
export interface StayActs {
  readonly open: () => Promise<Result<Session, SessionFault>>
  /** Renews the lease. */
  readonly round: (session: Session) => Promise<void>
  /** Forgets what was observed over another session. */
  readonly onSession: () => void
}

/**
 * Pauses between attempts to open a session, in milliseconds. With a longer one at the end, a node
 * would refuse for more than a lease after the database has come back.
 */
const reconnectPausesMs = [20, 50, 100, 200]

/** Renews until the node is closed, over one session after the other. */
export function createStay(life: Staying, acts: StayActs): (first: Session) => Promise<void> {
  const left = new Set<Backend>()
  return async (first) => {
    for (let session: Session | undefined = first; session !== undefined; ) {
      life.session = session
      acts.onSession()
      endLeft(session, left)
      const hung = await renewWhileOpen(life, acts, session)
      if (hung !== undefined) left.add(hung)
      await session.close()
      if (life.isClosing) return
      life.log.warn({}, 'the connection of this node to the database ended; it is opened again')
      life.session = undefined
      session = await reopen(life, acts)
    }
  }
}

/** Gives what is left of the session in the database, where that hung. */
async function renewWhileOpen(
  life: Staying,
  { round }: StayActs,
  session: Session,
): Promise<Backend | undefined> {
  const { terms, timers, log } = life
  let hung: Backend | undefined
  while (session.isOpen() && !life.isClosing) {
    // Where a connection hangs, the answer would come when nobody can use it any more.
    const giveUp = () => {
      hung = session.backend
      void session.close()
    }
    const stopWaiting = timers.callAfter(2 * terms.leaseMs, giveUp)
    const next = pauseFor(timers, terms.renewalMs)
    try {
      await round(session)
    } catch (error) {
      if (isDatabaseUnavailable(error)) await session.close()
      else log.error({ err: error }, 'a lease could not be renewed')
    }
    stopWaiting()
    await Promise.race([next, session.ended])
  }
  return hung
}

/** Comes before any renewal over that session, which would wait for the locks of what is left. */
function endLeft(session: Session, left: Set<Backend>): void {
  for (const backend of left) {
    const forget = () => void left.delete(backend)
    session.endBackend(backend).then(forget, () => undefined)
  }
}

async function reopen(life: Staying, { open }: StayActs): Promise<Session | undefined> {
  for (let attempt = 0; !life.isClosing; attempt++) {
    const pauseMs = reconnectPausesMs[Math.min(attempt, reconnectPausesMs.length - 1)]
    await pauseFor(life.timers, pauseMs ?? 0)
    const opened = await open().catch(() => undefined)
    if (opened?.ok === true) return opened.value
  }
  return undefined
}
