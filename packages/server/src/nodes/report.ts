import type { Tail } from '../events/tail.ts'
import type { Session } from './port.ts'

/** What a report is made of. */
export interface Reporting {
  readonly tail: Pick<Tail, 'appliedSeq'>
  readonly session: Session | undefined
  /** The row that is the lease; `undefined` when there is none. */
  readonly nodeId: string | undefined
  /** Where a node is alone nobody waits for it. */
  readonly nodesCount: number
}

/** Says at once how far this node is, one statement at a time; a renewal makes up for the rest. */
export function createReport(life: Reporting): () => void {
  let isReporting = false
  const report = async () => {
    const { session, nodeId, nodesCount } = life
    if (isReporting || session === undefined || nodeId === undefined || nodesCount === 1) return
    isReporting = true
    const appliedSeq = life.tail.appliedSeq()
    try {
      await session.reportApplied({ nodeId, appliedSeq })
    } catch {
      // The session is about to be opened anew.
      return
    } finally {
      isReporting = false
    }
    if (life.tail.appliedSeq() > appliedSeq) void report()
  }
  return () => void report()
}
