import type { Server } from 'node:http'
import {
  type CallAnswer,
  type ClientCallMessage,
  callingPath,
  callingSubprotocol,
  callingCloseCodes as codes,
} from '@parley/protocol'
import { WebSocket, WebSocketServer } from 'ws'
import { serverLimits } from '../contract/limits.ts'
import { refuseUpgrade, takeUpgrades } from '../foundation/upgrades.ts'
import { admitCaller, type Refusal } from './admission.ts'
import { enterDevice, parseResume, printResume } from './entering.ts'
import { parseClientFrame } from './frames.ts'
import { endDevice } from './going.ts'
import type { CallHub, CallHubWorld } from './hub.ts'
import {
  type CallSession,
  type CallTransport,
  countFrame,
  createCallSession,
  sendAnswer,
} from './session.ts'

/** What opening sockets of calls needs. */
export interface CallSocketWorld extends CallHubWorld {
  readonly hub: CallHub
}

type AuthFrame = Extract<ClientCallMessage, { readonly type: 'auth' }>

/** Takes the WebSockets of calls that are opened on a server; the first frame says who comes. */
export function takeCallSockets(server: Server, world: CallSocketWorld): void {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: serverLimits.callFrameBytesMax,
    handleProtocols: (offered) => (offered.has(callingSubprotocol) ? callingSubprotocol : false),
  })
  takeUpgrades(server, {
    takes: (path) => path === callingPath,
    async take({ request, socket, head }) {
      const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/, */)
      if (!offered.includes(callingSubprotocol)) return refuseUpgrade(socket, '400 Bad Request')
      if (!world.hub.hasRoom()) return refuseUpgrade(socket, '503 Service Unavailable')
      sockets.handleUpgrade(request, socket, head, (opened) => attend(world, opened))
    },
  })
}

/** A socket, before and after it is known who is at it. */
interface Line {
  readonly transport: CallTransport
  session: CallSession | undefined
  /** Whether it is being found out who is there. */
  isAsked: boolean
  isClosed: boolean
}

function attend(world: CallSocketWorld, opened: WebSocket): void {
  const transport = transportOf(opened)
  const line: Line = { transport, session: undefined, isAsked: false, isClosed: false }
  const patience = setTimeout(() => {
    if (line.session === undefined) transport.close(codes.protocolError, 'no auth in time')
  }, serverLimits.callAuthWithinMs).unref()
  opened.on('message', (data, isBinary) => take(world, line, isBinary ? '' : String(data)))
  opened.on('error', () => opened.terminate())
  opened.on('close', () => {
    clearTimeout(patience)
    line.isClosed = true
    if (line.session !== undefined) leave(world, line.session)
  })
}

/** Who is in no call is not waited for. */
function leave({ hub }: CallSocketWorld, session: CallSession): void {
  if (session.legs.size > 0 || session.requestCount > 0) hub.lose(session)
  else hub.end(session, { code: 1000, reason: 'left' })
}

function take(world: CallSocketWorld, line: Line, text: string): void {
  const { session } = line
  if (session === undefined) takeFirst(world, line, text)
  else takeNext(world, session, text)
}

function takeFirst(world: CallSocketWorld, line: Line, text: string): void {
  const { transport } = line
  const parsed = parseClientFrame(text)
  if (line.isAsked || !parsed.ok || parsed.value.type !== 'auth') {
    transport.close(codes.protocolError, 'the first frame is auth; its answer is waited for')
    return
  }
  line.isAsked = true
  const sessionId = world.platform.newGuid()
  const settle = world.hub.expect(sessionId)
  void greet(world, line, { frame: parsed.value, sessionId })
    .catch((error: unknown) => {
      world.log.error({ err: error }, 'a client of calls could not be entered')
      transport.close(codes.unavailable, 'try again')
    })
    .finally(settle)
}

function takeNext(world: CallSocketWorld, session: CallSession, text: string): void {
  const parsed = parseClientFrame(text)
  if (!countFrame(session, world.platform.monotonicNow())) {
    world.hub.end(session, { code: codes.tooMany, reason: 'removed' })
    return
  }
  if (!parsed.ok) {
    const { re, code, detail = '' } = parsed.fault
    sendAnswer(session, { ...aboutOf(re), type: 'error', code, detail })
    return
  }
  const { id, ...frame } = parsed.value
  const about = aboutOf(id)
  if (frame.type === 'ping') {
    sendAnswer(session, { ...about, type: 'pong' })
  } else if (frame.type === 'auth') {
    const { token } = frame
    world.hub.work(session, id, () => renew(world, session, { about, token }))
  } else {
    world.hub.work(session, id, frame)
  }
}

type About = Pick<CallAnswer, 're'>

function aboutOf(re: CallAnswer['re']): About {
  return re === undefined ? {} : { re }
}

/** Lets somebody in, or closes the socket. */
async function greet(
  world: CallSocketWorld,
  line: Line,
  { frame, sessionId }: { readonly frame: AuthFrame; readonly sessionId: string },
): Promise<void> {
  const { transport } = line
  const { platform } = world
  const formerDevice = parseResume(frame.resume)
  if (!(await world.whenCurrent())) return transport.close(codes.unavailable, 'try again')
  const judged = admitCaller(world, frame.token)
  if (!judged.ok) return closeRefused(transport, judged.fault)
  const open = (deviceId: string) => {
    const guest = { admitted: judged.value, deviceId, sessionId, transport }
    const resume = printResume(world, deviceId)
    return createCallSession({ ...guest, resume }, platform.monotonicNow())
  }
  let session = open(formerDevice?.deviceId ?? platform.newGuid())
  let entered = await enterDevice(world, session, formerDevice?.hash)
  if (entered.kind === 'not-resumed') {
    session = open(platform.newGuid())
    entered = await enterDevice(world, session, undefined)
  }
  if (entered.kind === 'too-many') return transport.close(codes.tooMany, 'too many devices')
  if (entered.kind !== 'entered') return closeRefused(transport, 'void')
  await welcome(world, line, { session, frame, entered })
}

function closeRefused(transport: CallTransport, refusal: Refusal): void {
  const [code, reason] = refusals[refusal]
  transport.close(code, reason)
}

const refusals: Readonly<Record<Refusal, readonly [number, string]>> = {
  void: [codes.tokenRevoked, 'the token is not live'],
  expired: [codes.tokenExpired, 'the token has expired'],
  scope: [codes.scopeForbidden, 'the token opens no calls'],
}

async function welcome(
  world: CallSocketWorld,
  line: Line,
  welcomed: {
    readonly session: CallSession
    readonly frame: AuthFrame
    readonly entered: Extract<Awaited<ReturnType<typeof enterDevice>>, { kind: 'entered' }>
  },
): Promise<void> {
  const { session, frame, entered } = welcomed
  const { transport } = line
  const { admitted, deviceId, sessionId } = session
  const isCurrent = await world.whenCurrent()
  // From here to the end everything is one turn: the token is judged and its end is awaited.
  const judged = admitCaller(world, admitted.token)
  if (!isCurrent || !judged.ok || !world.hub.hasRoom()) {
    const device = { resourceId: admitted.resourceId, deviceId, sessionId }
    const atMs = world.platform.now()
    if (judged.ok) transport.close(codes.unavailable, 'try again')
    else closeRefused(transport, judged.fault)
    return endDevice(world, device, { reason: 'revoked', atMs })
  }
  for (const { callId, legId, engine } of entered.calls) session.legs.set(callId, { legId, engine })
  line.session = session
  world.hub.enter(session)
  const { calls, isResumed } = entered
  sendReady(session, { about: aboutOf(frame.id), calls, isResumed })
  world.hub.begin(session, isResumed ? (frame.heard ?? 0) : 0)
  // It may have gone while it was being entered.
  if (line.isClosed) leave(world, session)
}

function sendReady(
  session: CallSession,
  told: Pick<Extract<CallAnswer, { readonly type: 'ready' }>, 'calls' | 'isResumed'> & {
    readonly about: About
  },
): void {
  const { admitted, deviceId, resume } = session
  sendAnswer(session, {
    ...told.about,
    type: 'ready',
    deviceId,
    identity: admitted.rawId,
    scopes: admitted.scopes,
    expiresAt: new Date(admitted.expiresAtMs).toISOString(),
    resume,
    isResumed: told.isResumed,
    calls: told.calls,
    pingEveryMs: serverLimits.callPingMs,
  })
}

/** Takes a new token of the same identity; the old one counts on where it is not good. */
async function renew(
  world: CallSocketWorld,
  session: CallSession,
  { about, token }: { readonly about: About; readonly token: string },
): Promise<void> {
  const isCurrent = await world.whenCurrent()
  if (session.isOver) return
  const judged = admitCaller(world, token)
  if (!isCurrent) {
    sendAnswer(session, { ...about, type: 'error', code: 'Unavailable' })
  } else if (judged.ok && judged.value.rawId === session.admitted.rawId) {
    world.hub.renew(session, judged.value)
    sendReady(session, { about, isResumed: false, calls: [] })
  } else {
    sendAnswer(session, { ...about, type: 'error', code: 'TokenRefused' })
  }
}

function transportOf(opened: WebSocket): CallTransport {
  return {
    send(frame) {
      if (opened.readyState === WebSocket.OPEN) opened.send(frame)
    },
    pendingBytes: () => opened.bufferedAmount,
    close: (code, reason) => closeSoon(opened, code, reason),
  }
}

/** A client that does not answer the farewell is not waited for. */
const farewellMs = 1000

function closeSoon(opened: WebSocket, code: number, reason: string): void {
  if (opened.readyState === WebSocket.CLOSED) return
  opened.close(code, reason)
  const timer = setTimeout(() => opened.terminate(), farewellMs)
  opened.once('close', () => clearTimeout(timer))
}
