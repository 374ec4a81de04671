import { isCutOffEvent, type LogEvent } from '../model.ts'

/**
 * Knows of each resource after which number nothing of it came, up to the number where this node
 * is in the log: that is how whoever hears only of one resource can tell whether something is
 * missing.
 */
export interface Chain {
  /** Takes the next event of the log; gives the number after which nothing of its resource came. */
  readonly take: (event: LogEvent) => number
  /** How far the log was taken; `undefined` when it is not known what was in it. */
  readonly seq: () => number | undefined
  /** The number after which nothing of a resource came, up to `seq`. */
  readonly headOf: (resourceId: string) => number
  /** Forgets: events were missed, or the log is another one. It goes on with the next event. */
  readonly forget: () => void
}

/** Creates a chain that begins after a number. */
export function createChain(startSeq: number): Chain {
  const heads = new Map<string, number>()
  // Below this nothing is said; a change of the signing keys is one of every resource, and no
  // cut-off: whoever follows has to come by another way and learn the keys there.
  let floor = startSeq
  let seq: number | undefined = startSeq
  const headOf = (resourceId: string) => Math.max(heads.get(resourceId) ?? 0, floor)
  return {
    take(event) {
      if (seq === undefined) floor = event.seq - 1
      const after = headOf(event.resourceId)
      seq = event.seq
      if (isCutOffEvent(event)) heads.set(event.resourceId, event.seq)
      else if (event.kind === 'signing-keys-changed') floor = event.seq
      return after
    },
    seq: () => seq,
    headOf,
    forget() {
      heads.clear()
      seq = undefined
    },
  }
}
