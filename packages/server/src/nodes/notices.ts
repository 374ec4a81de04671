import {
  type AppendedNotice,
  lastSeqOfNotice,
  parseAppendedNotice,
  parseNotice,
} from '../events/model.ts'
import type { Tail } from '../events/tail.ts'

/** Who is told of what a notice says. */
interface Hearers {
  readonly tail: Pick<Tail, 'appliedSeq' | 'offer'>
  /** Of what is no event. */
  readonly listeners: readonly ((text: string) => void)[]
}

/**
 * Reads notices of one connection: the instants among them are about the events after them.
 *
 * A node hears of the events of its own causes as well, mostly after it has applied them: of these
 * no more is read than their number.
 */
export function createNoticeReader({ tail, listeners }: Hearers): (text: string) => void {
  let appended: AppendedNotice | undefined
  return (text) => {
    const seqLast = lastSeqOfNotice(text)
    if (seqLast !== undefined && seqLast <= tail.appliedSeq()) return
    const batch = parseNotice(text, appended)
    if (batch !== undefined) return tail.offer(batch)
    const instant = parseAppendedNotice(text)
    appended = instant ?? appended
    if (instant === undefined) for (const listener of listeners) listener(text)
  }
}
