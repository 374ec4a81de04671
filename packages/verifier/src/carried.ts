/**
 * Riding: following by what a carrier brings instead of the stream of one server.
 *
 *     stream --two heartbeats in a row prove that nothing is missing--> carried
 *     carried --silence, or something that does not come--> stream
 *
 * A carrier is not believed to be complete. Each cut-off that comes is applied at once, since they
 * only rise; but what is known counts by proof: every cut-off says after which number nothing else
 * of the resource came before it, and so does every heartbeat up to its own number. A heartbeat
 * whose `after` is not reached proves nothing until that has come; if it does not, what is known
 * grows old, and following goes back to the server's stream, which reads the log.
 *
 * How old a heartbeat is, is reckoned as on a stream: a server answers a call with its own clock,
 * which it cannot have read before the call left here. So heartbeats that lay in a broker for an
 * hour are an hour old.
 */
import { acknowledge } from './acknowledge.ts'
import type { CarrierLine } from './carrier.ts'
import {
  type CarriedHeartbeat,
  type FedCutOff,
  parseCall,
  parseCarriedHeartbeat,
  parseFedCutOffs,
} from './feed-messages.ts'
import { awaitAnswer, type FollowFault, growStale, isTaken, type Way } from './follow-way.ts'
import { hearCutOff, hearTruth, listen } from './listen.ts'

/** Everything that is known of the carrier. */
export interface Carried {
  line: CarrierLine | undefined
  calling: ReturnType<typeof setInterval> | undefined
  /** Calls without answers, by their number, with the instant before each was sent. */
  readonly calls: Map<number, number>
  callCount: number
  /** For each server, the instant here at which its clock showed 0, or earlier. */
  readonly origins: Map<string, number>
  /** The log that heartbeats were about; `undefined` before the first. */
  log: string | undefined
  /** Cut-offs before which something is missing. */
  missing: { readonly after: number; readonly seq: number }[]
  /** A heartbeat that could not prove anything yet. */
  unproven: CarriedHeartbeat | undefined
  /** Heartbeats in a row that did. */
  provenCount: number
  provenAtMs: number
  /** Is told of each heartbeat that did, and whether it is young enough. */
  onProven: ((seq: number, trueAtMs: number) => void) | undefined
  /** Is told that a cut-off came which is not understood. */
  onNotUnderstood: (() => void) | undefined
  /** Is told that numbers count for nothing any more. */
  onOtherLog: (() => void) | undefined
}

const times = {
  callIntervalMs: 2000,
  /** Silence after which following leaves the carrier, if it may not be older. */
  silenceMsMin: 750,
  /** A server looks at the credential again then, as it ends its streams. */
  rideMsMax: 60 * 60 * 1000,
}
const callsMax = 5
const missingMax = 10_000
const heardCountMax = 100_000

/** A carrier that nothing is known of. */
export function createCarried(): Carried {
  return {
    line: undefined,
    calling: undefined,
    calls: new Map(),
    callCount: 0,
    origins: new Map(),
    log: undefined,
    missing: [],
    unproven: undefined,
    provenCount: 0,
    provenAtMs: Number.NEGATIVE_INFINITY,
    onProven: undefined,
    onNotUnderstood: undefined,
    onOtherLog: undefined,
  }
}

/** Forgets how far everything was known: a snapshot takes the place of what was heard. */
export function forgetCarried(carried: Carried): void {
  carried.log = undefined
  carried.missing = []
  carried.unproven = undefined
  carried.provenCount = 0
}

/** Listens to the server until the carrier does, and from then on to that; the fault ends both. */
export async function listenOrRide(way: Way, signal: AbortSignal): Promise<FollowFault> {
  const { carried } = way
  openCarried(way, carried)
  if (isWell(way, carried)) return ride(way, carried, signal)
  const listening = new AbortController()
  const leave = () => listening.abort()
  signal.addEventListener('abort', leave, { once: true })
  const left = new Promise<undefined>((resolve) => {
    listening.signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  carried.onProven = () => {
    if (isWell(way, carried)) leave()
  }
  const heard = listen(way, listening.signal)
  // What breaks because it was left has no one to tell.
  heard.catch(() => undefined)
  const fault = await Promise.race([heard, left])
  carried.onProven = undefined
  if (fault !== undefined) return fault
  return signal.aborted ? { kind: 'silent' } : ride(way, carried, signal)
}

/** Begins to listen to the carrier, once it is known which resource is followed. */
function openCarried(way: Way, carried: Carried): void {
  const { carrier, resourceId } = way
  if (carried.line !== undefined || carrier === undefined || resourceId === undefined) return
  const line = carrier.listen(resourceId, {
    cutOffs: (text) => takeCutOffs(way, carried, text),
    heartbeat: (text) => takeHeartbeat(way, carried, text),
    answer: (text) => takeAnswer(carried, text),
  })
  const call = () => {
    carried.callCount += 1
    carried.calls.set(carried.callCount, way.now())
    carried.calls.delete(carried.callCount - callsMax)
    line.call(String(carried.callCount))
  }
  carried.line = line
  carried.calling = setInterval(call, times.callIntervalMs)
  call()
}

/** Listens no longer. */
export function closeCarried(carried: Carried): void {
  clearInterval(carried.calling)
  carried.line?.close()
}

/** Whether the carrier alone would do at this moment. */
function isWell(way: Way, { provenCount, provenAtMs }: Carried): boolean {
  const silentMs = way.now() - provenAtMs
  return provenCount >= 2 && silentMs >= 0 && silentMs < silenceMsOf(way)
}

/** Follows by the carrier until it does not do any more; the fault says why. */
function ride(way: Way, carried: Carried, signal: AbortSignal): Promise<FollowFault> {
  const startedAtMs = way.now()
  way.isCarried = true
  awaitAnswer(way, silenceMsOf(way))
  return new Promise<FollowFault>((resolve) => {
    signal.addEventListener('abort', () => resolve({ kind: 'silent' }), { once: true })
    carried.onNotUnderstood = () => resolve({ kind: 'not-understood' })
    carried.onOtherLog = () => {
      way.position = undefined
      resolve({ kind: 'event-missed' })
    }
    carried.onProven = (seq, trueAtMs) => {
      const fault = hearTruth(way, { seq, trueAtMs })
      if (fault !== undefined) return resolve(fault)
      awaitAnswer(way, Math.min(silenceMsOf(way), trueAtMs + way.maxStalenessMs - way.now()))
      const isLong = way.now() - startedAtMs > times.rideMsMax
      if (isLong || way.heardCount > heardCountMax) resolve({ kind: 'ended' })
    }
  }).finally(() => {
    way.isCarried = false
    carried.onProven = undefined
    carried.onNotUnderstood = undefined
    carried.onOtherLog = undefined
    carried.provenCount = 0
  })
}

function silenceMsOf({ maxStalenessMs }: Way): number {
  return Math.max(times.silenceMsMin, maxStalenessMs / 2)
}

/** An answer to a call: its server's clock showed that instant after the call left here. */
function takeAnswer({ calls, origins }: Carried, text: string): void {
  const answer = parseCall(text)
  const calledAtMs = calls.get(Number(answer?.call))
  if (answer === undefined || calledAtMs === undefined) return
  // Servers come and go; those that still answer are known again with the next call.
  if (origins.size > 1000) origins.clear()
  origins.set(answer.node, calledAtMs - answer.atMs)
}

function takeCutOffs(way: Way, carried: Carried, text: string): void {
  // A snapshot that is being read would wipe it out; the stream brings it once more.
  if (way.position === undefined) return
  const events = parseFedCutOffs(text)
  if (events?.every((event) => takeCutOff(way, carried, event)) !== true) {
    if (carried.onNotUnderstood === undefined) return
    growStale(way)
    carried.onNotUnderstood()
    return
  }
  closeGaps(way, carried)
  const { unproven } = carried
  if (unproven !== undefined) prove(way, carried, unproven)
}

/** Applies a cut-off at once, and notes it where something before it is missing. */
function takeCutOff(way: Way, carried: Carried, event: FedCutOff): boolean {
  const { after, seq } = event
  const position = way.position ?? 0
  if (seq > position && after <= position) return hearCutOff(way, event) === undefined
  if (!isTaken(() => way.verifier.apply(event))) return false
  if (seq <= position) return true
  way.heardCount += 1
  if (carried.missing.length >= missingMax) carried.missing = []
  carried.missing.push({ after, seq })
  return true
}

/** What was missing has come: what was heard after it counts too. */
function closeGaps(way: Way, carried: Carried): void {
  carried.missing.sort((one, other) => one.seq - other.seq)
  const left: typeof carried.missing = []
  for (const { after, seq } of carried.missing) {
    if (way.position === undefined || after > way.position) left.push({ after, seq })
    else raise(way, seq)
  }
  carried.missing = left
}

function raise(way: Way, seq: number): void {
  way.position = Math.max(way.position ?? 0, seq)
  acknowledge(way)
}

function takeHeartbeat(way: Way, carried: Carried, text: string): void {
  const heartbeat = parseCarriedHeartbeat(text)
  if (heartbeat !== undefined) prove(way, carried, heartbeat)
}

function prove(way: Way, carried: Carried, heartbeat: CarriedHeartbeat): void {
  const { node, log, seq, after, atMs } = heartbeat
  if (log !== (carried.log ?? log)) {
    forgetCarried(carried)
    carried.onOtherLog?.()
    return
  }
  carried.log = log
  const origin = carried.origins.get(node)
  // Of a server that has not answered, or knows less than is known here: no proof of anything.
  if (origin === undefined || way.position === undefined || seq < way.position) return
  if (after > way.position) {
    carried.unproven = heartbeat
    carried.provenCount = 0
    return
  }
  carried.unproven = undefined
  const nowMs = way.now()
  const trueAtMs = Math.min(nowMs, origin + atMs)
  if (nowMs - trueAtMs >= way.maxStalenessMs) return
  carried.provenCount += 1
  carried.provenAtMs = trueAtMs
  carried.onProven?.(seq, trueAtMs)
}
