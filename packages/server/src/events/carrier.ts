import type { EventBatch } from './model.ts'

/**
 * A second way by which nodes hear of what was committed. It may lose, repeat, delay and reorder:
 * like a notice of PostgreSQL it makes things fast and is never needed.
 */
export interface Carrier {
  /** Takes over what this process has committed. It does not fail, and nobody waits for it. */
  readonly tell: (batch: EventBatch) => void
  /** Calls back with notices of other nodes, in the words of `parseNotice`. */
  readonly hear: (onNotice: (text: string) => void) => void
}
