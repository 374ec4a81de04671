import { fail, ok, type Result } from '@parley/protocol'
import {
  type ConnectFault,
  connectDatabase,
  type Database,
  type DatabaseAddress,
} from '../database/connect.ts'
import { findLogEnd, type LogEnd } from '../events/store.ts'
import { findBackend } from './store.ts'

/**
 * The one connection over which a node hears of events, renews its lease and watches the others.
 *
 * It is one, so that all of it breaks at once: what was observed on a connection says nothing
 * after a restart of the database. Its commits need not be on disk when they are answered, since a
 * crash can only take back counts, and then takes this connection too.
 */
export interface Session {
  readonly db: Database
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>
  readonly isOpen: () => boolean
  /** The log behind it, as it was when the connection was opened. */
  readonly logEnd: LogEnd
  /** What works for it in the database. */
  readonly backend: Backend
  readonly close: () => Promise<void>
}

/** A process of the database; the instant tells it from a later one of the same number. */
export interface Backend {
  readonly pid: number
  readonly startedAt: string
}

/** A server from before there were nodes works on this database, and must do so alone. */
export interface DatabaseInUse {
  readonly kind: 'database-in-use'
  readonly message: string
}

/** Why there is no session. */
export type SessionFault = ConnectFault | DatabaseInUse

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

/**
 * Opens a session; when it comes back, notices arrive.
 *
 * The address must lead to PostgreSQL itself, or to a pooler that gives each client a session.
 *
 * @faults those of connecting.
 * @faults `database-in-use` - a server of version 0.1 runs on it.
 */
export async function openSession(
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
    // After that: what is committed from here on is heard of.
    const logEnd = await findLogEnd(db)
    const backend = await findBackend(db)
    return ok({ db, ended, isOpen: () => isOpen, logEnd, backend, close })
  } catch (error) {
    await close()
    throw error
  }
}
