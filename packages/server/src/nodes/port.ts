/**
 * What a node asks of the database, and nothing else: PostgreSQL answers it (`session.ts`), and the
 * simulation of `tests/simulation`, which decides when each answer comes and which never does.
 */
import type { Result } from '@parley/protocol'
import type { ConnectFault } from '../database/connect.ts'
import type { LogPage } from '../events/store.ts'
import type { NodeRow } from './model.ts'

/** A node, and how far it has applied the log. */
export type NodePosition = Pick<NodeRow, 'nodeId' | 'appliedSeq'>

/** What a renewal found. */
export interface Renewed {
  /** Whether the lease was still there; one that was ended cannot be renewed. */
  readonly isRenewed: boolean
  /** All nodes as they were the moment before. */
  readonly nodes: readonly NodeRow[]
  /** How far the log reached. */
  readonly lastSeq: number
}

/**
 * The one connection over which a node hears of events, reads the log, renews its lease and watches
 * the others. Where it falls silent the node gives it up after two leases and opens another; so
 * nothing that a node waits for may go over a connection that nobody watches, such as a pool's.
 *
 * It is one, so that all of it breaks at once: what was observed on a connection says nothing
 * after a restart of the database. Its commits need not be on disk when they are answered, since a
 * crash can only take back counts, and then takes this connection too.
 */
export interface Session {
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>
  readonly isOpen: () => boolean
  readonly close: () => Promise<void>
  /** Lists the nodes whose lease nobody has ended, oneself among them. */
  readonly listNodes: () => Promise<readonly NodeRow[]>
  /** Enters a node, durably. */
  readonly insertNode: (node: NodePosition) => Promise<void>
  /** Renews a row that is there, durably; looks at the others and at the log by the way. */
  readonly renewNode: (node: NodePosition) => Promise<Renewed>
  /** Says how far a node has applied the log. */
  readonly reportApplied: (node: NodePosition) => Promise<void>
  /** Ends a lease, durably, and says whether it did: not if it was renewed since it was read. */
  readonly endLease: (row: NodeRow) => Promise<boolean>
  readonly deleteNode: (nodeId: string) => Promise<void>
  /** The last number of the log. */
  readonly findLastSeq: () => Promise<number>
  readonly listEventsAfter: (afterSeq: number, eventsMax: number) => Promise<LogPage>
}

/** A server from before there were nodes works on this database, and must do so alone. */
export interface DatabaseInUse {
  readonly kind: 'database-in-use'
  readonly message: string
}

/** Why there is no session. */
export type SessionFault = ConnectFault | DatabaseInUse

/** Where sessions are opened. */
export interface NodeDatabase {
  /**
   * Opens a session; when it comes back, notices arrive.
   *
   * @faults those of connecting.
   * @faults `database-in-use` - a server of version 0.1 runs on it.
   */
  readonly openSession: (onNotice: (text: string) => void) => Promise<Result<Session, SessionFault>>
}
