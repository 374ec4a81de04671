import { fail, ok, type Result } from '@parley/protocol'
import {
  connectDatabase,
  type Database,
  type DatabaseAddress,
  type Queries,
} from '../database/connect.ts'
import { findLastSeq, findLogEnd, listEventsAfter } from '../events/store.ts'
import { systemTimers } from '../foundation/timers.ts'
import type { DatabaseInUse, NodeDatabase, Session, SessionFault } from './port.ts'
import {
  deleteNode,
  endBackend,
  endLease,
  findBackend,
  insertNode,
  listNodes,
  readClock,
  renewNode,
  reportApplied,
} from './store.ts'

const databaseInUse: DatabaseInUse = {
  kind: 'database-in-use',
  message:
    'A Parley server of version 0.1 works on this database, and must be the only one. ' +
    'Stop it first.',
}

/**
 * Servers of version 0.1 take this lock for themselves alone and do not follow the log. Nodes share
 * it, so the two kinds shut each other out. `select hashtext('parley: one server')`, written out.
 */
const oneServerLock = 1_346_458_700

/** Times of a session, in milliseconds. */
const limits = { connectTimeoutMs: 3000, statementTimeoutMs: 5000 }

/** A connection that falls silent before it is a session is watched by nobody else. */
const greetingTimeoutMs = 2000

const channel = 'parley_event'

/** A PostgreSQL that a node asks. */
export interface PostgresNodeDatabase extends NodeDatabase {
  /**
   * Where what is kept in memory is read from: the last session that was opened. Work of others,
   * which may wait for a lock while it has every connection of the pool, cannot keep a node behind
   * the log then; and a session that has ended refuses, where a pool might hang.
   */
  readonly memory: () => Queries
}

/** What a node asks, of PostgreSQL. @param pool - where memory is read from before a session. */
export function nodeDatabase(address: DatabaseAddress, pool: Queries): PostgresNodeDatabase {
  let memory = pool
  return {
    memory: () => memory,
    openSession: (onNotice) =>
      openSession(address, onNotice, (db) => {
        memory = db
      }),
  }
}

/**
 * Opens a session; when it comes back, notices arrive.
 *
 * The address must lead to PostgreSQL itself, or to a pooler that gives each client a session.
 *
 * @faults those of connecting.
 * @faults `database-in-use` - a server of version 0.1 runs on it.
 */
async function openSession(
  address: DatabaseAddress,
  onNotice: (text: string) => void,
  onOpen: (db: Database) => void,
): Promise<Result<Session, SessionFault>> {
  let isOpen = true
  let announceEnd: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    announceEnd = resolve
  })
  const connected = await connectDatabase({
    address,
    applicationName: 'parley node',
    connectionsMax: 1,
    isLasting: true,
    isCommitAsynchronous: true,
    ...limits,
    onNotify: (_channel, text) => {
      if (isOpen) onNotice(text)
    },
    onClose: () => {
      isOpen = false
      announceEnd()
    },
  })
  if (!connected.ok) return connected
  const db = connected.value
  const close = async () => {
    isOpen = false
    announceEnd()
    await db.end({ timeout: 0 })
  }
  const stopWaiting = systemTimers.callAfter(greetingTimeoutMs, () => void close())
  try {
    const [row] = await db<{ readonly is_shared: boolean }[]>`
      select pg_try_advisory_lock_shared(${oneServerLock}) as is_shared
    `
    if (row?.is_shared !== true) {
      await close()
      return fail(databaseInUse)
    }
    await db.unsafe(`listen ${channel}`)
    // After that: what is committed from here on is heard of.
    const logEnd = await findLogEnd(db)
    const backend = await findBackend(db)
    onOpen(db)
    return ok({ ...statementsOn(db), ended, isOpen: () => isOpen, logEnd, backend, close })
  } catch (error) {
    await close()
    throw error
  } finally {
    stopWaiting()
  }
}

type Statements = Omit<Session, 'ended' | 'isOpen' | 'logEnd' | 'backend' | 'close'>

function statementsOn(db: Database): Statements {
  return {
    listNodes: () => listNodes(db),
    insertNode: (node) => insertNode(db, node),
    renewNode: (node) => renewNode(db, node),
    reportApplied: (node) => reportApplied(db, node),
    endLease: (node) => endLease(db, node),
    deleteNode: (nodeId) => deleteNode(db, nodeId),
    endBackend: (backend) => endBackend(db, backend),
    findLastSeq: () => findLastSeq(db),
    readClock: () => readClock(db),
    listEventsAfter: (afterSeq, eventsMax) => listEventsAfter(db, afterSeq, eventsMax),
  }
}
