/**
 * Following over NATS: `natsCarrier({ connection, jetStream })` is a `carrier` for following.
 *
 * The connection is the app's own, opened as it likes and closed by it. Of the client library only
 * what is named here is used, and nothing of it is imported.
 */
import type { Carrier, CarrierEar } from './carrier.ts'

/** What is used of a message of NATS. */
export interface NatsMessage {
  string(): string
}

/** What is used of a connection, as `connect` of `@nats-io/transport-node` gives it. */
export interface NatsConnection {
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: NatsMessage) => void },
  ): { unsubscribe(): void }
  requestMany(
    subject: string,
    payload: string,
    options: { strategy: 'timer'; maxWait: number },
  ): Promise<AsyncIterable<NatsMessage>>
  isClosed(): boolean
}

/** What is used of `jetstream(connection)` of `@nats-io/jetstream`. */
export interface NatsJetStream {
  readonly consumers: {
    get(stream: string, options: NatsConsumerOptions): Promise<NatsConsumer>
  }
}

/** Where an ordered consumer begins. */
export interface NatsConsumerOptions {
  readonly filter_subjects: string
  readonly deliver_policy: 'new' | 'by_start_sequence'
  readonly opt_start_seq?: number
}

/** An ordered consumer. */
export interface NatsConsumer {
  consume(options: {
    readonly callback: (message: NatsMessage & { readonly seq: number }) => void
    readonly expires: number
    readonly idle_heartbeat: number
  }): Promise<{ close(): Promise<unknown>; closed(): Promise<unknown> }>
}

/** The app's connection to NATS. */
export interface NatsCarrierOptions {
  readonly connection: NatsConnection
  readonly jetStream: NatsJetStream
}

const stream = 'PARLEY_REVOCATIONS'

/** How soon the loss of a consumer is noticed, and how long another one waits, in milliseconds. */
const times = { expires: 10_000, idleHeartbeat: 1000, retry: 1000, answers: 1000 }

/** Makes a carrier of a connection to the NATS servers that the Parley servers publish to. */
export function natsCarrier({ connection, jetStream }: NatsCarrierOptions): Carrier {
  return {
    listen(resourceId, ear) {
      const line: Line = { resourceId, ear, jetStream, seq: 0, isClosed: false, stop: () => {} }
      const heartbeats = connection.isClosed()
        ? undefined
        : connection.subscribe(`parley.heartbeats.${resourceId}`, {
            callback: (error, message) => {
              if (error === null) ear.heartbeat(message.string())
            },
          })
      void consume(line)
      return {
        call(text) {
          if (!connection.isClosed()) void call(connection, line, text)
        },
        close() {
          line.isClosed = true
          if (!connection.isClosed()) heartbeats?.unsubscribe()
          line.stop()
        },
      }
    },
  }
}

interface Line {
  readonly resourceId: string
  readonly ear: CarrierEar
  readonly jetStream: NatsJetStream
  /** The last message that came, by the count of the stream. */
  seq: number
  isClosed: boolean
  stop: () => void
}

/** Each server answers; those that are not there are not waited for. */
async function call(connection: NatsConnection, line: Line, text: string): Promise<void> {
  try {
    const how = { strategy: 'timer', maxWait: times.answers } as const
    const answers = await connection.requestMany(`parley.followers.${line.resourceId}`, text, how)
    for await (const answer of answers) line.ear.answer(answer.string())
  } catch {
    // Nobody answers: then nothing that is heard counts.
  }
}

/** Consumes the stream, one consumer after the other, each from where the last one was. */
async function consume(line: Line): Promise<void> {
  while (!line.isClosed) {
    try {
      const consumer = await line.jetStream.consumers.get(stream, {
        filter_subjects: `parley.revocations.${line.resourceId}`,
        ...(line.seq === 0
          ? { deliver_policy: 'new' }
          : { deliver_policy: 'by_start_sequence', opt_start_seq: line.seq + 1 }),
      })
      const messages = await consumer.consume({
        callback(message) {
          line.seq = message.seq
          line.ear.cutOffs(message.string())
        },
        expires: times.expires,
        idle_heartbeat: times.idleHeartbeat,
      })
      line.stop = () => void messages.close().catch(() => undefined)
      if (line.isClosed) line.stop()
      await messages.closed()
    } catch {
      // No stream or no quorum: what is missed meanwhile is noticed by the heartbeats.
    }
    if (!line.isClosed) await pause(line)
  }
}

function pause(line: Line): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, times.retry)
    line.stop = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}
