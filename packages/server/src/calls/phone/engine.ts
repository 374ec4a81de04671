/**
 * The engine of calls between one client and one phone: a line of the SIP plugin of Janus, whose
 * other end is the client itself, without a mix between them.
 *
 * Who is called offers last in neither direction: a client that calls offers, and the phone's
 * answer is its answer; a phone that calls has offered, and the client answers that. A trunk that
 * does not take a call is passed over with the same offer, which nobody has answered yet.
 *
 * The line is at the node of the client. Where a phone calls, it is at the node at which the edge
 * has the account, and only clients there can answer.
 */
import { fail, type MediaWay, ok, type Result, type SignalPayload } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import { isTrunkFailure, type TrunkAddress } from '../../phones/sip-configuration.ts'
import type { Candidate } from '../janus/connection.ts'
import type { Jsep } from '../janus/socket.ts'
import type {
  DialledPhone,
  EngineCall,
  EngineEvent,
  EngineFault,
  EngineLeg,
  MediaEngine,
} from '../media-engine.ts'
import { type Line, type LineEvent, type LineWorld, openLine } from './line.ts'

/** The engine, and who is to be told that a phone calls. */
export interface PhoneEngine extends MediaEngine {
  /** Gives a line that rings to the engine, for the leg of the phone that calls. */
  readonly take: (leg: EngineLeg, line: Line, offer: Jsep) => void
  /** Tells what happens on such a line. */
  readonly hear: (leg: EngineLeg, event: LineEvent) => void
}

interface PhoneCall extends EngineCall {
  client: EngineLeg | undefined
  phone: EngineLeg | undefined
  dial: DialledPhone | undefined
  /** Of the client; of the phone where it calls. */
  offer: Jsep | undefined
  readonly isIncoming: boolean
  readonly candidates: Candidate[]
  /** Trunks that were not tried yet. */
  trunks: readonly TrunkAddress[]
  line: Line | undefined
  isDialling: boolean
  hasAnswer: boolean
  isOver: boolean
  timer: NodeJS.Timeout | undefined
}

interface Life extends LineWorld {
  readonly calls: Map<string, PhoneCall>
  readonly listeners: ((event: EngineEvent) => void)[]
}

/** Creates the engine of a node. */
export function createPhoneEngine(world: LineWorld): PhoneEngine {
  const life: Life = { ...world, calls: new Map(), listeners: [] }
  const of = (call: EngineCall) => life.calls.get(nameOf(call))
  return {
    name: 'phone',
    hasPhones: true,
    legsMax: (media) => (media === 'audio' ? 2 : 0),
    async open(call) {
      if (!life.connection.isUp()) return fail({ kind: 'unreachable', detail: 'Janus' })
      if (call.media !== 'audio') return refused('a phone has no video')
      if (of(call) === undefined) life.calls.set(nameOf(call), newCall(call, false))
      return ok(undefined)
    },
    admit: async (leg) => admit(life, of(leg), leg),
    signal: async (leg, signal) => hearClient(life, of(leg), { leg, signal }),
    setPermissions: async (leg) =>
      of(leg)?.client?.legId === leg.legId ? ok(undefined) : refused('leg'),
    dial: async (leg, phone) => dial(life, of(leg), { leg, phone }),
    async sendDigits(leg, digits) {
      const line = of(leg)?.line
      for (const digit of digits) await line?.sendDigit(digit)
      return line === undefined ? refused('leg') : ok(undefined)
    },
    async remove(leg) {
      const call = of(leg)
      const isIn = [call?.client, call?.phone].some((one) => one?.legId === leg.legId)
      if (call !== undefined && isIn) await end(life, call)
    },
    release: async () => undefined,
    async close(named) {
      const call = of(named)
      if (call !== undefined) await end(life, call)
    },
    reconcile: async () =>
      [...life.calls.values()].flatMap(({ client, phone }) => [client ?? [], phone ?? []].flat()),
    follow: (listener) => void life.listeners.push(listener),
    async stop() {
      life.listeners.length = 0
      await Promise.all([...life.calls.values()].map((call) => end(life, call)))
      await life.connection.close()
    },
    take(leg, line, offer) {
      const call = { ...newCall(leg, true), phone: leg, line, offer }
      life.calls.set(nameOf(leg), call)
    },
    hear(leg, event) {
      const call = of(leg)
      if (call?.line !== undefined) hearLine(life, call, { event, line: call.line })
    },
  }
}

function admit(
  life: Life,
  call: PhoneCall | undefined,
  { resourceId, callId, legId }: EngineLeg,
): Result<MediaWay, EngineFault> {
  if (call === undefined || call.isOver) return refused('call')
  if (call.client !== undefined && call.client.legId !== legId) return refused('full')
  call.client = { resourceId, callId, legId }
  const way = { mode: 'sdp', session: callId } as const
  if (!call.isIncoming) return ok(way)
  if (call.offer !== undefined && !call.hasAnswer) signalClient(life, call, call.offer)
  return ok({ ...way, offerer: 'engine' })
}

function dial(
  life: Life,
  call: PhoneCall | undefined,
  { leg, phone }: { readonly leg: EngineLeg; readonly phone: DialledPhone },
): Result<undefined, EngineFault> {
  if (call === undefined || call.isOver) return refused('call')
  const { resourceId, callId, legId } = leg
  if (call.phone !== undefined) return call.phone.legId === legId ? ok(undefined) : refused('full')
  call.phone = { resourceId, callId, legId }
  call.dial = phone
  call.trunks = phone.trunks
  call.timer = setTimeout(() => void lose(life, call), serverLimits.callRingMs).unref()
  void dialNext(life, call)
  return ok(undefined)
}

function refused(detail: string): Result<never, EngineFault> {
  return fail({ kind: 'refused', detail })
}

function nameOf({ resourceId, callId }: EngineCall): string {
  return `${resourceId}/${callId}`
}

function newCall({ resourceId, callId }: EngineCall, isIncoming: boolean): PhoneCall {
  return {
    ...{ resourceId, callId, isIncoming, candidates: [], trunks: [] },
    ...{ client: undefined, phone: undefined, dial: undefined, offer: undefined },
    ...{ line: undefined, isDialling: false, hasAnswer: false, isOver: false, timer: undefined },
  }
}

function tell({ listeners }: Life, event: EngineEvent): void {
  for (const listen of listeners) listen(event)
}

function signalClient(life: Life, { client }: PhoneCall, sdp: Jsep): void {
  if (client !== undefined) tell(life, { kind: 'signal', leg: client, signal: { sdp } })
}

async function hearClient(
  life: Life,
  call: PhoneCall | undefined,
  { leg, signal }: { readonly leg: EngineLeg; readonly signal: SignalPayload },
): Promise<Result<undefined, EngineFault>> {
  if (call === undefined || call.isOver || call.client?.legId !== leg.legId) return refused('leg')
  if ('candidate' in signal) {
    call.candidates.push(signal.candidate)
    await call.line?.trickle(signal.candidate)
    return ok(undefined)
  }
  const { type, sdp } = signal.sdp
  if (call.isIncoming) {
    if (type !== 'answer' || call.hasAnswer || call.line === undefined) return refused(type)
    call.hasAnswer = true
    const accepted = await call.line.accept({ type, sdp })
    if (!accepted.ok) void lose(life, call)
    return accepted
  }
  // The other end of a line cannot be asked anew for the same call.
  if (type !== 'offer' || call.offer !== undefined) return refused(type)
  call.offer = { type, sdp }
  void dialNext(life, call)
  return ok(undefined)
}

/** Calls by the next trunk, once both the number and the offer of the client are there. */
async function dialNext(life: Life, call: PhoneCall): Promise<void> {
  const { dial, offer } = call
  if (dial === undefined || offer === undefined || call.isDialling || call.isOver) return
  call.isDialling = true
  for (;;) {
    const [trunk, ...others] = call.trunks
    if (trunk === undefined) return lose(life, call)
    call.trunks = others
    const isUnderWay = await dialBy(life, call, { trunk, dial, offer })
    if (isUnderWay || call.isOver) return
  }
}

async function dialBy(
  life: Life,
  call: PhoneCall,
  {
    trunk,
    dial,
    offer,
  }: {
    readonly trunk: TrunkAddress
    readonly dial: DialledPhone
    readonly offer: Jsep
  },
): Promise<boolean> {
  let own: Line | undefined
  const opened = await openLine(life, { kind: 'caller', number: dial.callerId }, (event) => {
    if (own !== undefined) hearLine(life, call, { event, line: own })
  })
  if (!opened.ok) {
    life.log.warn({ fault: opened.fault }, 'no line to phones was opened')
    return false
  }
  own = opened.value
  if (call.isOver) {
    await own.end()
    return true
  }
  call.line = own
  const called = await own.call({ number: dial.number, ...trunk }, offer)
  if (!called.ok) {
    call.line = undefined
    await own.end()
    life.log.warn({ fault: called.fault, trunk: trunk.host }, 'a phone was not called')
    return false
  }
  for (const candidate of call.candidates) await own.trickle(candidate)
  return true
}

function hearLine(
  life: Life,
  call: PhoneCall,
  { event, line }: { readonly event: LineEvent; readonly line: Line },
): void {
  if (call.isOver || call.line !== line) return
  if (event.kind === 'over') {
    const mayBeTriedAgain = !call.isIncoming && !call.hasAnswer && isTrunkFailure(event.code)
    if (!mayBeTriedAgain || call.trunks.length === 0) return void lose(life, call)
    Object.assign(call, { line: undefined, isDialling: false })
    void line.end()
    void dialNext(life, call)
  } else if (event.kind === 'answer') {
    const { answer, isEarly } = event
    if (answer !== undefined && !call.isIncoming && !call.hasAnswer) {
      call.hasAnswer = true
      signalClient(life, call, answer)
    }
    if (!isEarly) connected(life, call)
  }
}

function connected(life: Life, call: PhoneCall): void {
  clearTimeout(call.timer)
  const { phone, dial } = call
  // Longer than allowed it costs more than somebody has agreed to.
  if (dial !== undefined) {
    call.timer = setTimeout(() => void lose(life, call), dial.secondsMax * 1000).unref()
  }
  if (phone !== undefined) tell(life, { kind: 'connected', leg: phone })
}

/** The phone has hung up, was not reached, or has talked for too long. */
async function lose(life: Life, call: PhoneCall): Promise<void> {
  if (call.isOver) return
  const ended = hangUp(call)
  if (call.phone !== undefined) tell(life, { kind: 'disconnected', leg: call.phone })
  // It is carried until it is known to be over: who compares would take it for lost.
  call.timer = setTimeout(() => forget(life, call), forgottenAfterMs).unref()
  await ended
}

const forgottenAfterMs = 10_000

async function end(life: Life, call: PhoneCall): Promise<void> {
  forget(life, call)
  await hangUp(call)
}

function forget(life: Life, call: PhoneCall): void {
  if (life.calls.get(nameOf(call)) === call) life.calls.delete(nameOf(call))
}

async function hangUp(call: PhoneCall): Promise<void> {
  if (call.isOver) return
  call.isOver = true
  clearTimeout(call.timer)
  await call.line?.end()
}
