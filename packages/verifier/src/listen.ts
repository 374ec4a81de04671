import { acknowledge } from './acknowledge.ts'
import { createEventStreamReader, type StreamMessage } from './event-stream.ts'
import { type FedCutOff, parseFedCutOff, parseHeartbeat, parseOpening } from './feed-messages.ts'
import {
  ask,
  awaitAnswer,
  type FollowFault,
  growStale,
  isFresh,
  isTaken,
  refusalOf,
  trust,
  type Way,
} from './follow-way.ts'

/** Follows the stream from the position on, until it ends; the fault says how. */
export async function listen(way: Way, signal: AbortSignal): Promise<FollowFault> {
  const askedAtMs = way.now()
  const answer = await ask(way, { path: `events?after=${way.position ?? 0}`, signal })
  if (answer.status !== 200) return refusalOf(answer)
  const ear: Ear = { askedAtMs, openedAtMs: undefined, fault: undefined }
  const stream = createEventStreamReader((message) => {
    ear.fault ??= hear(way, ear, message)
  })
  const decoder = new TextDecoder()
  const reader = answer.body?.getReader()
  for (;;) {
    const chunk = await reader?.read()
    if (signal.aborted) return { kind: 'silent' }
    if (chunk?.value === undefined || chunk.done) return { kind: 'ended' }
    const goesOn = stream.push(decoder.decode(chunk.value, { stream: true }))
    if (ear.fault !== undefined) return ear.fault
    if (!goesOn) return { kind: 'not-understood' }
  }
}

/** What is known of one stream. */
interface Ear {
  readonly askedAtMs: number
  /** The stamp of its opening, by the server's clock. */
  openedAtMs: number | undefined
  fault: FollowFault | undefined
}

/** Takes a message into account; messages of other names are for followers to come. */
function hear(way: Way, ear: Ear, { event, data }: StreamMessage): FollowFault | undefined {
  switch (event) {
    case 'open':
    case 'keys':
      return hearKeys(way, ear, data)
    case 'cut-off':
      return hearCutOff(way, parseFedCutOff(data))
    case 'heartbeat':
      return hearHeartbeat(way, ear, data)
    default:
      return undefined
  }
}

const notUnderstood: FollowFault = { kind: 'not-understood' }

function hearKeys(way: Way, ear: Ear, data: string): FollowFault | undefined {
  const opening = parseOpening(data)
  if (opening === undefined) return notUnderstood
  ear.openedAtMs ??= opening.atMs
  const { keys } = opening
  return isTaken(() => way.verifier.replaceKeys({ keys })) ? undefined : notUnderstood
}

/** Takes a cut-off into account, `undefined` for one that is not understood. */
export function hearCutOff(way: Way, event: FedCutOff | undefined): FollowFault | undefined {
  if (event === undefined || way.position === undefined) {
    // Something was cut off and this follower knows not what, as when its server is a newer one:
    // nothing that it would accept can be relied on from here on.
    growStale(way)
    return notUnderstood
  }
  if (event.seq <= way.position) return undefined
  if (event.after > way.position) return { kind: 'event-missed' }
  if (!isTaken(() => way.verifier.apply(event))) return notUnderstood
  way.position = event.seq
  way.heardCount += 1
  acknowledge(way)
  return undefined
}

function hearHeartbeat(way: Way, ear: Ear, data: string): FollowFault | undefined {
  const heartbeat = parseHeartbeat(data)
  if (heartbeat === undefined || ear.openedAtMs === undefined) return notUnderstood
  const trueAtMs = Math.min(way.now(), ear.askedAtMs + heartbeat.atMs - ear.openedAtMs)
  return hearTruth(way, { seq: heartbeat.seq, trueAtMs })
}

/** Takes into account that everything up to a number was all there was, at an instant here. */
export function hearTruth(
  way: Way,
  { seq, trueAtMs }: { readonly seq: number; readonly trueAtMs: number },
): FollowFault | undefined {
  way.position = Math.max(way.position ?? 0, seq)
  const nowMs = way.now()
  const untilMs = trueAtMs + way.maxStalenessMs
  trust(way, untilMs)
  // A clock that was set forward makes every heartbeat look old; another connection heals that.
  if (!(nowMs < untilMs)) return { kind: 'silent' }
  way.failures = 0
  way.fault = undefined
  acknowledge(way)
  if (isFresh(way)) way.settleReady()
  awaitAnswer(way, untilMs - nowMs)
  return undefined
}
