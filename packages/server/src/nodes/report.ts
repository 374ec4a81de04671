import type { Tail } from '../events/tail.ts'
import type { Session } from './session.ts'
import { reportApplied } from './store.ts'

/** What a report says and where; it changes as the node lives. */
interface Reporting {
  readonly tail: Tail
  readonly session: Session | undefined
  readonly nodeId: string | undefined
  /** Whether nobody waits for this node. */
  readonly isAlone: boolean
}

/** Says at once how far this node is, one statement at a time; a renewal makes up for the rest. */
export function createReport(life: Reporting): () => void {
  let isReporting = false
  const report = async () => {
    const { session, nodeId, isAlone } = life
    if (isReporting || session === undefined || nodeId === undefined || isAlone) return
    isReporting = true
    const appliedSeq = life.tail.appliedSeq()
    try {
      await reportApplied(session.db, { nodeId, appliedSeq })
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
