/**
 * A line: one call between Janus and the telephone network, at a handle of the SIP plugin. The
 * plugin speaks SIP to the edge, which knows the trunks, and WebRTC to the client of the call.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { Log } from '../../foundation/log.ts'
import type { SipEdge } from '../../foundation/phone-edge.ts'
import type { Candidate, JanusConnection, JanusEvent, JanusHandle } from '../janus/connection.ts'
import type { JanusFault, Jsep } from '../janus/socket.ts'
import type { EngineFault } from '../media-engine.ts'

/** What lines need. */
export interface LineWorld {
  readonly connection: JanusConnection
  readonly edge: SipEdge
  readonly log: Pick<Log, 'warn' | 'info'>
}

/** What happens on a line. */
export type LineEvent =
  | { readonly kind: 'incoming'; readonly from: string; readonly to: string; readonly offer: Jsep }
  /** The edge rings this server from now on; helpers name the line by `masterId`. */
  | { readonly kind: 'registered'; readonly masterId: number }
  /** What the far side sends, before it answers (`isEarly`) or as it does. */
  | { readonly kind: 'answer'; readonly isEarly: boolean; readonly answer: Jsep | undefined }
  /** It is over; `code` is of SIP, absent where nobody said one. */
  | { readonly kind: 'over'; readonly code: number | undefined }

/** One line. */
export interface Line {
  /** Calls a number by a trunk. */
  readonly call: (
    asked: { readonly number: string; readonly host: string; readonly port: number },
    offer: Jsep,
  ) => Promise<Result<undefined, EngineFault>>
  /** Takes the call that came in. */
  readonly accept: (answer: Jsep) => Promise<Result<undefined, EngineFault>>
  /** Refuses it, with a code of SIP. */
  readonly decline: (code: number) => Promise<void>
  readonly trickle: (candidate: Candidate) => Promise<void>
  readonly sendDigit: (digit: string) => Promise<void>
  /** Hangs up, at whatever stage; the line is of no use then, but that of the account. */
  readonly end: () => Promise<void>
}

/** As whom a line is opened. */
export type LineUser =
  /** Calls out, and shows this number. */
  | { readonly kind: 'caller'; readonly number: string }
  /** Is called: the account of this server at the edge. */
  | { readonly kind: 'account' }
  /** Is called while the account is: helps it. */
  | { readonly kind: 'helper'; readonly masterId: number }

/** Opens a line. @faults `unreachable`, `refused` - Janus, or the edge, is not there or refuses. */
export async function openLine(
  world: LineWorld,
  user: LineUser,
  listen: (event: LineEvent) => void,
): Promise<Result<Line, EngineFault>> {
  const state = { isRinging: false }
  const attached = await world.connection.attach('sip', `phone ${user.kind}`, (event) => {
    const told = lineEventOf(event)
    if (told === undefined) return
    state.isRinging = told.kind === 'incoming'
    listen(told)
  })
  if (!attached.ok) return fail(faultOf(attached.fault))
  const handle = attached.value
  const registered = await handle.ask(registrationOf(world.edge, user))
  if (!registered.ok) {
    await handle.detach()
    return fail(faultOf(registered.fault))
  }
  return ok(lineAt(handle, { user, state, ...world }))
}

function registrationOf({ host, port, user, password }: SipEdge, as: LineUser): object {
  const proxy = `sip:${host}:${port}`
  const at = { request: 'register', proxy, outbound_proxy: proxy }
  const account = { username: `sip:${user}@${host}:${port}`, authuser: user, secret: password }
  switch (as.kind) {
    case 'caller':
      return { ...at, type: 'guest', username: `sip:${as.number}@${host}` }
    case 'account':
      // The edge says in a header of ours which number was called.
      return { ...at, ...account, ...incoming }
    case 'helper': {
      const { username } = account
      return { request: 'register', type: 'helper', username, master_id: as.masterId }
    }
  }
}

/** Seconds after which a registration is over that is not made anew. */
const registeredForSeconds = 60
const numberHeader = 'X-Parley-Number'
const incoming = {
  register_ttl: registeredForSeconds,
  incoming_header_prefixes: ['X-Parley-'],
}

interface LineState {
  readonly user: LineUser
  readonly edge: SipEdge
  readonly state: { isRinging: boolean }
}

function lineAt(handle: JanusHandle, { user: as, edge, state }: LineState): Line {
  const { user, password } = edge
  const done = async (body: object, jsep?: Jsep): Promise<Result<undefined, EngineFault>> => {
    const answer = await handle.ask(body, jsep)
    return answer.ok ? ok(undefined) : fail(faultOf(answer.fault))
  }
  return {
    call({ number, host, port }, offer) {
      const credentials = password === '' ? {} : { authuser: user, secret: password }
      return done({ request: 'call', uri: `sip:${number}@${host}:${port}`, ...credentials }, offer)
    },
    accept: (answer) => done({ request: 'accept' }, answer),
    decline: async (code) => {
      await handle.ask({ request: 'decline', code })
      if (as.kind !== 'account') await handle.detach()
    },
    async trickle(candidate) {
      await handle.trickle(candidate)
    },
    async sendDigit(digit) {
      await handle.ask({ request: 'dtmf_info', digit, duration: digitMs })
    },
    async end() {
      const body = state.isRinging ? { request: 'decline', code: 480 } : { request: 'hangup' }
      const hungUp = handle.ask(body)
      // The account is called again; of others the handle goes, and with it what was not heard.
      if (as.kind !== 'account') await handle.detach()
      await hungUp
    },
  }
}

const digitMs = 160

function faultOf(fault: JanusFault): EngineFault {
  if (fault.kind === 'unreachable') return { kind: 'unreachable', detail: fault.detail }
  return { kind: 'refused', detail: `${fault.code} ${fault.detail}` }
}

function resultOf(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { result } = data
  return typeof result === 'object' && result !== null ? (result as Record<string, unknown>) : {}
}

function lineEventOf(event: JanusEvent): LineEvent | undefined {
  if (event.kind === 'gone') return { kind: 'over', code: undefined }
  if (event.kind !== 'plugin') return undefined
  const result = resultOf(event.data)
  const { jsep } = event
  switch (result['event']) {
    case 'incomingcall': {
      const headers = result['headers'] as Readonly<Record<string, unknown>> | undefined
      const to = String(headers?.[numberHeader] ?? '')
      if (jsep === undefined) return { kind: 'over', code: undefined }
      return { kind: 'incoming', from: userOf(result['username']), to, offer: jsep }
    }
    case 'registered':
      return { kind: 'registered', masterId: Number(result['master_id'] ?? 0) }
    case 'progress':
      return { kind: 'answer', isEarly: true, answer: jsep }
    case 'accepted':
      return { kind: 'answer', isEarly: false, answer: jsep }
    case 'hangup':
    case 'registration_failed': {
      const code = Number(result['code'])
      return { kind: 'over', code: Number.isInteger(code) && code > 0 ? code : undefined }
    }
    default:
      return undefined
  }
}

/** The user of a SIP address. */
function userOf(address: unknown): string {
  return /^sips?:([^@;>]*)@/.exec(String(address))?.[1] ?? ''
}
