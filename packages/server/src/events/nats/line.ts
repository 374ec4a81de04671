import { readFile } from 'node:fs/promises'
import type * as JetStream from '@nats-io/jetstream'
import type * as Transport from '@nats-io/transport-node'
import type { ConnectionOptions, Msg, NatsConnection } from '@nats-io/transport-node'
import type { Log } from '../../foundation/log.ts'
import type { NatsPlace } from '../../foundation/nats-place.ts'

/** The connection to NATS, opened again and again; whatever is sent while it is away is lost. */
export interface Line {
  readonly isConnected: () => boolean
  /** Sends to whoever listens at this moment. */
  readonly send: (subject: string, text: string) => void
  /** Puts into the stream, if it is not there yet; rejects when that is not known. */
  readonly store: (message: {
    readonly subject: string
    readonly text: string
    readonly id: string
  }) => Promise<void>
  /** The text that was put into the stream last, with any subject that matches. */
  readonly findLast: (subject: string) => Promise<string | undefined>
  readonly close: () => Promise<void>
}

/** What comes over a line. */
export interface Heard {
  readonly subject: string
  readonly text: string
  readonly respond: (text: string) => void
}

/** What a line is made of. */
export interface LineOptions {
  readonly place: NatsPlace
  readonly log: Pick<Log, 'info' | 'warn'>
  /** What is listened to, from the first connection on. */
  readonly ears: Readonly<Record<string, (heard: Heard) => void>>
  /** The stream takes messages, for the first time or again. */
  readonly onReady: () => void
}

const streamName = 'PARLEY_REVOCATIONS'

const times = {
  connectMs: 2000,
  reconnectMs: 250,
  /** A server that is silent for two of these is left for another. */
  pingMs: 1000,
  storeMs: 2000,
  streamRetryMs: 500,
  keptMs: 24 * 60 * 60 * 1000,
  /** Longer than a node goes on trying to publish the same. */
  duplicatesMs: 2 * 60 * 1000,
}

type Library = Omit<typeof JetStream & typeof Transport, 'default' | 'module.exports'>

/** A cluster that has lost a server needs a moment; beyond that somebody should know. */
const streamFailuresMax = 10
const noStream = 'NATS takes no revocations; verifiers follow the servers themselves'

interface Life extends LineOptions {
  /** Loaded where it is used: it would cost every start some 50 ms. */
  library: Library | undefined
  connection: NatsConnection | undefined
  stream: JetStream.JetStreamClient | undefined
  /** `undefined` before the first attempt. */
  isConnected: boolean | undefined
  isClosing: boolean
  wake: () => void
}

/** Opens a line, without waiting for it: a server starts and serves while NATS is away. */
export function openLine(options: LineOptions): Line {
  const life: Life = {
    ...options,
    library: undefined,
    connection: undefined,
    stream: undefined,
    isConnected: undefined,
    isClosing: false,
    wake: () => undefined,
  }
  const over = stayConnected(life)
  return {
    isConnected: () => life.isConnected === true,
    send(subject, text) {
      if (life.isConnected === true && life.connection?.isClosed() === false) {
        life.connection.publish(subject, text)
      }
    },
    async store({ subject, text, id }) {
      const { stream, isConnected } = life
      if (stream === undefined || isConnected !== true) throw new Error('the stream is away')
      await stream.publish(subject, text, { msgID: id, timeout: times.storeMs })
    },
    async findLast(subject) {
      const { connection, library } = life
      if (connection === undefined || library === undefined) return undefined
      const { streams } = await library.jetstreamManager(connection, { checkAPI: false })
      const found = await streams.getMessage(streamName, { last_by_subj: subject })
      return found?.string()
    },
    async close() {
      life.isClosing = true
      life.wake()
      await life.connection?.close()
      await over
    },
  }
}

async function loadLibrary(): Promise<Library> {
  const transport = await import('@nats-io/transport-node')
  return { ...transport, ...(await import('@nats-io/jetstream')) }
}

async function stayConnected(life: Life): Promise<void> {
  const library = await loadLibrary()
  life.library = library
  while (!life.isClosing) {
    try {
      const connection = await library.connect(await optionsOf(life.place, library))
      life.connection = connection
      if (life.isClosing) return await connection.close()
      listenTo(life, connection)
      note(life, true)
      void follow(life, { connection, library })
      const error = await connection.closed()
      note(life, false, error ?? undefined)
    } catch (error) {
      note(life, false, error)
    }
    life.stream = undefined
    await pause(life, times.reconnectMs)
  }
}

async function optionsOf(place: NatsPlace, library: Library): Promise<ConnectionOptions> {
  const { servers, user, pass, token, credentialsFile, isTls } = place
  return {
    servers: [...servers],
    name: 'parley',
    timeout: times.connectMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: times.reconnectMs,
    pingInterval: times.pingMs,
    maxPingOut: 2,
    noEcho: true,
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(token === undefined ? {} : { token }),
    ...(isTls ? { tls: {} } : {}),
    ...(credentialsFile === undefined
      ? {}
      : { authenticator: library.credsAuthenticator(await readFile(credentialsFile)) }),
  }
}

function listenTo(life: Life, connection: NatsConnection): void {
  for (const [subject, ear] of Object.entries(life.ears)) {
    const callback = (error: Error | null, message: Msg) => {
      if (error !== null) return
      const respond = (text: string) => void message.respond(text)
      ear({ subject: message.subject, text: message.string(), respond })
    }
    connection.subscribe(subject, { callback })
  }
}

interface Opened {
  readonly connection: NatsConnection
  readonly library: Library
}

/** Follows a connection as it moves from one server to another. */
async function follow(life: Life, opened: Opened): Promise<void> {
  const { connection } = opened
  void makeStream(life, opened)
  for await (const { type } of connection.status()) {
    if (type === 'disconnect' || type === 'staleConnection') note(life, false)
    if (type === 'reconnect') {
      note(life, true)
      void makeStream(life, opened)
    }
  }
}

function note(life: Life, isConnected: boolean, error?: unknown): void {
  if (isConnected === life.isConnected || life.isClosing) return
  life.isConnected = isConnected
  if (isConnected) life.log.info({}, 'connected to NATS')
  else life.log.warn({ err: error }, 'NATS is away; the database alone carries events')
}

/** Makes the stream, and waits until it answers: a cluster may have no quorum. */
async function makeStream(life: Life, { connection, library }: Opened): Promise<void> {
  for (let failures = 0; life.isConnected === true && !connection.isClosed(); failures++) {
    try {
      const { streams } = await library.jetstreamManager(connection, {
        ...{ checkAPI: false, timeout: 1000 },
      })
      const known = await streams.info(streamName).catch(() => undefined)
      if (known === undefined) {
        await streams.add({
          name: streamName,
          subjects: ['parley.revocations.*'],
          storage: library.StorageType.File,
          max_age: library.nanos(times.keptMs),
          duplicate_window: library.nanos(times.duplicatesMs),
          num_replicas: life.place.replicas,
        })
      }
      life.stream = library.jetstream(connection)
      life.onReady()
      return
    } catch (error) {
      if (failures === streamFailuresMax) life.log.warn({ err: error }, noStream)
      await pause(life, times.streamRetryMs)
    }
  }
}

function pause(life: Life, pauseMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (life.isClosing) return resolve()
    const timer = setTimeout(resolve, pauseMs)
    life.wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}
