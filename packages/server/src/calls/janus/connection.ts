/**
 * A session at a Janus, over one WebSocket, and the handles that it has at plugins.
 *
 * A handle is one connection of a client's media, or one without any that gives orders. All of them
 * end with the session, and Janus ends the session with the WebSocket: a node that dies, or cannot
 * reach Janus any more, carries nobody's media on behind its own back.
 */
import { ok, type Result, type SignalPayload } from '@parley/protocol'
import type { Log } from '../../foundation/log.ts'
import {
  type JanusAnswer,
  type JanusFault,
  type JanusMessage,
  type JanusPluginData,
  type JanusSocket,
  type Jsep,
  openJanusSocket,
} from './socket.ts'

/** Names a plugin, as in the names of its files. */
export type JanusPlugin = 'audiobridge' | 'videoroom' | 'sip'

/** What a handle is told. */
export type JanusEvent =
  /** By its plugin, of its own or after an order that was acknowledged before. */
  | { readonly kind: 'plugin'; readonly data: JanusPluginData; readonly jsep: Jsep | undefined }
  /** Media can flow. */
  | { readonly kind: 'up' }
  /** Whether packets of a kind come from the client. */
  | { readonly kind: 'media'; readonly type: string; readonly isReceiving: boolean }
  /** The client is gone, or was sent away; the handle is still there. */
  | { readonly kind: 'hangup'; readonly reason: string }
  /** Packets are lost on the way. */
  | { readonly kind: 'slow' }
  /** The handle is gone: detached by others, or its session is over. */
  | { readonly kind: 'gone' }

/** What a plugin answers. */
export interface JanusReply {
  readonly data: JanusPluginData
  readonly jsep: Jsep | undefined
}

/** A handle at a plugin. */
export interface JanusHandle {
  readonly id: number
  readonly sessionId: number
  /** Asks the plugin, and waits for what it answers. @faults `refused` - with the plugin's code. */
  readonly ask: (body: object, jsep?: Jsep) => Promise<Result<JanusReply, JanusFault>>
  /** Passes on where a client can be reached; `null`: that is all. */
  readonly trickle: (candidate: Candidate) => Promise<JanusAnswer>
  /** Ends its media and itself. */
  readonly detach: () => Promise<JanusAnswer>
}

/** Where a client can be reached. */
export type Candidate = Extract<SignalPayload, { readonly candidate: unknown }>['candidate']

/** A session at a Janus. */
export interface JanusConnection {
  readonly url: string
  /** Whether there is a session at present. */
  readonly isUp: () => boolean
  readonly sessionId: () => number | undefined
  /** Waits until there is one, for so long; says whether there is. */
  readonly whenUp: (timeoutMs: number) => Promise<boolean>
  /**
   * Makes a handle.
   *
   * @param opaqueId - what it is for, to be seen by the administration of Janus.
   */
  readonly attach: (
    plugin: JanusPlugin,
    opaqueId: string,
    listener: (event: JanusEvent) => void,
  ) => Promise<Result<JanusHandle, JanusFault>>
  /** Calls back whenever the session is lost, with all its handles, and when there is another. */
  readonly follow: (listener: (isUp: boolean) => void) => void
  /** Ends it for good, with all its handles. */
  readonly close: () => Promise<void>
}

/** How a session is opened. */
export interface JanusConnectionOptions {
  /** `ws://` or `wss://`. */
  readonly url: string
  readonly apiSecret: string
  readonly log: Pick<Log, 'warn' | 'info'>
}

/** Janus ends a session of which it hears nothing for 60 s. */
const keepAliveMs = 15_000

interface Life extends JanusConnectionOptions {
  readonly handles: Map<number, (event: JanusEvent) => void>
  readonly followers: ((isUp: boolean) => void)[]
  sessionId: number | undefined
}

/** Opens a session, and another one whenever it is lost. */
export function connectJanus(options: JanusConnectionOptions): JanusConnection {
  const life: Life = { ...options, handles: new Map(), followers: [], sessionId: undefined }
  const socket = openJanusSocket({
    ...{ url: options.url, protocol: 'janus-protocol', log: options.log },
    opened: () => void begin(life, socket),
    lost: () => end(life),
    heard: (message) => hear(life, socket, message),
  })
  const timer = setInterval(() => void keepAlive(life, socket), keepAliveMs).unref()
  return {
    url: options.url,
    isUp: () => life.sessionId !== undefined,
    sessionId: () => life.sessionId,
    whenUp: (timeoutMs) => whenUp(life, timeoutMs),
    attach: (plugin, opaqueId, listener) => attach(life, socket, { plugin, opaqueId, listener }),
    follow: (listener) => void life.followers.push(listener),
    async close() {
      clearInterval(timer)
      const { sessionId } = life
      life.followers.length = 0
      if (sessionId !== undefined) await order(life, socket, { janus: 'destroy' })
      end(life)
      socket.close()
    },
  }
}

async function begin(life: Life, socket: JanusSocket): Promise<void> {
  const { apiSecret: apisecret, url, log } = life
  const created = await socket.ask({ janus: 'create', apisecret })
  if (!created.ok || created.value.data?.id === undefined) {
    log.warn({ url, fault: created.ok ? created.value : created.fault }, 'Janus gives no session')
    socket.drop()
    return
  }
  life.sessionId = created.value.data.id
  log.info({ url }, 'Janus is reached')
  for (const follower of life.followers) follower(true)
}

function end(life: Life): void {
  const wasUp = life.sessionId !== undefined
  life.sessionId = undefined
  const listeners = [...life.handles.values()]
  life.handles.clear()
  for (const listen of listeners) listen({ kind: 'gone' })
  if (wasUp) for (const follower of life.followers) follower(false)
}

function whenUp(life: Life, timeoutMs: number): Promise<boolean> {
  if (life.sessionId !== undefined) return Promise.resolve(true)
  return new Promise((resolve) => {
    const settle = (isUp: boolean) => {
      clearTimeout(timer)
      const place = life.followers.indexOf(settle)
      if (place !== -1) life.followers.splice(place, 1)
      resolve(isUp)
    }
    const timer = setTimeout(() => settle(false), timeoutMs)
    life.followers.push(settle)
  })
}

async function keepAlive(life: Life, socket: JanusSocket): Promise<void> {
  if (life.sessionId === undefined) return
  const answer = await order(life, socket, { janus: 'keepalive' })
  // A session that Janus has forgotten, or a connection that only seems to stand.
  if (!answer.ok) socket.drop()
}

/** Sends an order that Janus itself answers. */
function order(life: Life, socket: JanusSocket, request: object): Promise<JanusAnswer> {
  const { apiSecret: apisecret, sessionId: session_id } = life
  return socket.ask({ apisecret, session_id, ...request })
}

function hear(life: Life, socket: JanusSocket, message: JanusMessage): void {
  if (message.janus === 'timeout' && message.session_id === life.sessionId) {
    socket.drop()
    return
  }
  const listen = life.handles.get(message.sender ?? -1)
  const event = eventOf(message)
  if (listen === undefined || event === undefined) return
  if (event.kind === 'gone') life.handles.delete(message.sender ?? -1)
  listen(event)
}

function eventOf(message: JanusMessage): JanusEvent | undefined {
  switch (message.janus) {
    case 'event':
      return { kind: 'plugin', data: message.plugindata?.data ?? {}, jsep: message.jsep }
    case 'webrtcup':
      return { kind: 'up' }
    case 'media':
      return { kind: 'media', type: message.type ?? '', isReceiving: message.receiving === true }
    case 'hangup':
      return { kind: 'hangup', reason: message.reason ?? '' }
    case 'slowlink':
      return { kind: 'slow' }
    case 'detached':
      return { kind: 'gone' }
    default:
      return undefined
  }
}

interface Attaching {
  readonly plugin: JanusPlugin
  readonly opaqueId: string
  readonly listener: (event: JanusEvent) => void
}

async function attach(
  life: Life,
  socket: JanusSocket,
  { plugin, opaqueId, listener }: Attaching,
): Promise<Result<JanusHandle, JanusFault>> {
  const { apiSecret: apisecret, sessionId } = life
  const at = { apisecret, session_id: sessionId }
  const asked = { janus: 'attach', plugin: `janus.plugin.${plugin}`, opaque_id: opaqueId }
  const attached = await socket.ask({ ...at, ...asked })
  if (!attached.ok) return attached
  const handle_id = attached.value.data?.id ?? 0
  life.handles.set(handle_id, listener)
  const send = (request: object) => socket.ask({ ...at, handle_id, ...request })
  return ok({
    id: handle_id,
    sessionId: sessionId ?? 0,
    async ask(body, jsep) {
      const request = { janus: 'message', body, ...(jsep === undefined ? {} : { jsep }) }
      const isFinal = ({ janus }: JanusMessage) => janus !== 'ack'
      const answer = await socket.ask({ ...at, handle_id, ...request }, isFinal)
      return answer.ok ? replyOf(answer.value) : answer
    },
    trickle: (candidate) => send({ janus: 'trickle', candidate: candidate ?? { completed: true } }),
    async detach() {
      life.handles.delete(handle_id)
      return send({ janus: 'detach' })
    },
  })
}

/** A plugin refuses within what Janus calls a success. */
function replyOf({ plugindata, jsep }: JanusMessage): Result<JanusReply, JanusFault> {
  const data = plugindata?.data ?? {}
  const { error_code: code, error } = data
  if (typeof code !== 'number') return ok({ data, jsep })
  return { ok: false, fault: { kind: 'refused', code, detail: String(error ?? '') } }
}
