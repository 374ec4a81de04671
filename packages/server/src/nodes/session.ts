import { fail, ok, type Result } from '@parley/protocol'
import { connectDatabase, type Database, type DatabaseAddress } from '../database/connect.ts'
import { findLastSeq, listEventsAfter } from '../events/store.ts'
import type { DatabaseInUse, NodeDatabase, Session, SessionFault } from './port.ts'
import { deleteNode, endLease, insertNode, listNodes, renewNode, reportApplied } from './store.ts'

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

const channel = 'parley_event'

/** What a node asks, of PostgreSQL. */
export function nodeDatabase(address: DatabaseAddress): NodeDatabase {
  return { openSession: (onNotice) => openSession(address, onNotice) }
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
  try {
    const [row] = await db<{ readonly is_shared: boolean }[]>`
      select pg_try_advisory_lock_shared(${oneServerLock}) as is_shared
    `
    if (row?.is_shared !== true) {
      await close()
      return fail(databaseInUse)
    }
    await db.unsafe(`listen ${channel}`)
  } catch (error) {
    await close()
    throw error
  }
  return ok({ ...statementsOn(db), ended, isOpen: () => isOpen, close })
}

function statementsOn(db: Database): Omit<Session, 'ended' | 'isOpen' | 'close'> {
  return {
    listNodes: () => listNodes(db),
    insertNode: (node) => insertNode(db, node),
    renewNode: (node) => renewNode(db, node),
    reportApplied: (node) => reportApplied(db, node),
    endLease: (node) => endLease(db, node),
    deleteNode: (nodeId) => deleteNode(db, nodeId),
    findLastSeq: () => findLastSeq(db),
    listEventsAfter: (afterSeq, eventsMax) => listEventsAfter(db, afterSeq, eventsMax),
  }
}
