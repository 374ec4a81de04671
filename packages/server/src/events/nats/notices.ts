import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { type EventBatch, isCutOffEvent, type LogEvent } from '../model.ts'

/**
 * The notices of a batch, as the database tells them: a line for each run of events of one cause,
 * and only the numbers where the events are not at hand.
 */
export function printNotices({ seqBefore, seqLast, events }: EventBatch): string {
  if (events === undefined) return `${seqBefore}:${seqLast}`
  const runs: Run[] = []
  for (const event of events) {
    const { cause, subject } = partsOf(event)
    const { appendedAtMs } = event
    const run = runs.at(-1)
    if (run?.cause === cause && run.appendedAtMs === appendedAtMs) run.subjects.push(subject)
    else runs.push({ cause, before: event.seq - 1, subjects: [subject], appendedAtMs })
  }
  return runs.map(printRun).join('\n')
}

/** Events of one cause that were appended at one instant. */
interface Run {
  readonly cause: string
  readonly before: number
  readonly subjects: string[]
  readonly appendedAtMs: number | undefined
}

function printRun({ cause, before, subjects, appendedAtMs }: Run): string {
  const last = before + subjects.length
  const notice = `${before}:${last}:${cause}:${subjects.join(',')}`
  if (appendedAtMs === undefined) return notice
  return `appended:${last}:${Math.round(appendedAtMs * 1000)}\n${notice}`
}

function partsOf(event: LogEvent): { readonly cause: string; readonly subject: string } {
  const { kind, resourceId } = event
  if (!isCutOffEvent(event)) {
    const part = event.kind === 'resource-changed' ? event.part : undefined
    return { cause: `${kind}:${resourceId}:0`, subject: `${part ?? resourceId}=0` }
  }
  const { forgetAtMs, subject, generation } = event
  return { cause: `${kind}:${resourceId}:${forgetAtMs}`, subject: `${subject}=${generation}` }
}

/** Vouches for what nodes of one installation tell each other over a broker that others use too. */
export interface NoticeSeal {
  readonly seal: (text: string) => string
  /** @returns `undefined` for what no node of this installation wrote, about this log. */
  readonly open: (sealed: string) => string | undefined
}

const macLength = 43

/**
 * Creates the seal of an installation. A notice of another database, or of whoever else may
 * publish, would be applied in the place of an event of the log.
 *
 * @param options.key - one that every node of the installation has, and nobody else.
 * @param options.logName - of the log that numbers are numbers of: a broker may hand over what was
 *   told of another one, before a standby took its place.
 */
export function createNoticeSeal({
  key,
  logName,
}: {
  readonly key: KeyObject
  readonly logName: () => string
}): NoticeSeal {
  const own = createHmac('sha256', key).update('parley: notices over a broker').digest()
  const macOf = (text: string) =>
    createHmac('sha256', own).update(`${logName()}\n${text}`).digest('base64url')
  return {
    seal: (text) => `${macOf(text)}${text}`,
    open(sealed) {
      const text = sealed.slice(macLength)
      const [given, right] = [Buffer.from(sealed.slice(0, macLength)), Buffer.from(macOf(text))]
      return given.length === right.length && timingSafeEqual(given, right) ? text : undefined
    },
  }
}
