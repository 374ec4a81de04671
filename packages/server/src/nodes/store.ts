import type { Database, Queries } from '../database/connect.ts'
import type { NodeRow } from './model.ts'
import type { NodePosition, Renewed } from './port.ts'

/** Lists the nodes whose lease nobody has ended, oneself among them. */
export async function listNodes(db: Queries): Promise<readonly NodeRow[]> {
  const rows = await db<StoredNode[]>`
    select node_id, renewals, applied_seq
    from node
  `
  return rows.map(nodeFrom)
}

/** Enters a node, durably: who confirms after this has come back reads the row. */
export async function insertNode(session: Database, node: NodePosition): Promise<void> {
  await session.begin(async (transaction) => {
    await transaction`set local synchronous_commit = on`
    await transaction`
      insert into node (node_id, renewals, applied_seq)
      values (${node.nodeId}, 1, ${node.appliedSeq})
    `
  })
}

/**
 * Renews a row, and looks at the others and at the log by the way.
 *
 * Unlike a report it commits as the database is set up to: a primary that has lost its standby, and
 * with it its office, must not go on to give leases by a log that has ended.
 */
export async function renewNode(session: Database, node: NodePosition): Promise<Renewed> {
  const rows = await session<(StoredNode & RenewedColumns)[]>`
    with renewed as (
      update node
      set renewals = renewals + 1, applied_seq = greatest(applied_seq, ${node.appliedSeq}::bigint)
      where node_id = ${node.nodeId}
      returning node_id
    )
    select
      node.node_id, node.renewals, node.applied_seq,
      event_sequence.last_seq,
      exists (select from renewed) as is_renewed
    from (select set_config('synchronous_commit', 'on', true)) as durable
    cross join event_sequence
    left join node on true
  `
  const [first] = rows
  if (first === undefined) throw new Error('the log has a last number')
  return {
    isRenewed: first.is_renewed,
    nodes: rows.filter(({ node_id }) => node_id !== null).map(nodeFrom),
    lastSeq: Number(first.last_seq),
  }
}

/** Says how far a node has applied the log. */
export async function reportApplied(session: Database, node: NodePosition): Promise<void> {
  await session`
    update node
    set applied_seq = ${node.appliedSeq}
    where node_id = ${node.nodeId}
    and applied_seq < ${node.appliedSeq}
  `
}

/**
 * Ends the lease of a node that has been silent, durably; not if it has been renewed meanwhile.
 *
 * @returns whether this has ended it.
 */
export async function endLease(
  session: Database,
  node: Pick<NodeRow, 'nodeId' | 'renewals'>,
): Promise<boolean> {
  return session.begin(async (transaction) => {
    await transaction`set local synchronous_commit = on`
    const ended = await transaction`
      delete from node
      where node_id = ${node.nodeId}
      and renewals = ${node.renewals}
    `
    return ended.count > 0
  })
}

/** Takes a node out that accepts nothing any more. */
export async function deleteNode(session: Database, nodeId: string): Promise<void> {
  await session`
    delete from node
    where node_id = ${nodeId}
  `
}

interface StoredNode {
  readonly node_id: string
  readonly renewals: string | number
  readonly applied_seq: string | number
}

interface RenewedColumns {
  readonly last_seq: string | number
  readonly is_renewed: boolean
}

function nodeFrom(row: StoredNode): NodeRow {
  return {
    nodeId: row.node_id,
    renewals: Number(row.renewals),
    appliedSeq: Number(row.applied_seq),
  }
}
