/**
 * NATS servers of a test's own: processes on free ports of loopback, with JetStream in a folder
 * that is removed after the tier.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'

const binary = '/usr/sbin/nats-server'

/** Why tests with NATS are left out here; `false` where they are not. */
export const lacksNats: string | false = existsSync(binary) ? false : `no NATS at ${binary}`

/** One server of a cluster. */
export interface NatsServer {
  readonly name: string
  /** `nats://127.0.0.1:port`; the same after a restart. */
  readonly url: string
  readonly kill: () => Promise<void>
  readonly start: () => void
  readonly signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
}

/** Servers that belong together. */
export interface NatsCluster {
  readonly servers: readonly NatsServer[]
  /** All addresses, with commas. */
  readonly urls: string
  /** Waits until JetStream answers on a new connection. */
  readonly whenReady: () => Promise<void>
  /** Connects as an app would. @param token - a credential, where the servers want one. */
  readonly connect: (token?: string) => Promise<NatsConnection>
  /** The name of the server that leads the stream. */
  readonly leader: () => Promise<string>
  readonly close: () => Promise<void>
}

/**
 * Starts servers; one alone is no cluster.
 *
 * @param folder - a new one.
 * @param token - wanted of whoever connects.
 */
export async function startNats(
  count: number,
  folder: string,
  token?: string,
): Promise<NatsCluster> {
  const ports = await freePorts(2 * count)
  const routes = ports.slice(count).map((port) => `nats://127.0.0.1:${port}`)
  const servers = Array.from({ length: count }, (_, index) => {
    const name = `n${index + 1}`
    const store = join(folder, name)
    mkdirSync(store, { recursive: true })
    const address = ['-n', name, '-a', '127.0.0.1', '-p', `${ports[index]}`]
    const cluster = ['--cluster_name', 'parley', '--cluster', routes[index] ?? '']
    const guard = token === undefined ? [] : ['--auth', token]
    const words = [...address, ...guard, '-js', '-sd', store]
    const more = count === 1 ? [] : [...cluster, '--routes', routes.join(',')]
    return natsServer({ name, url: `nats://127.0.0.1:${ports[index]}`, words: [...words, ...more] })
  })
  const urls = servers.map(({ url }) => url).join(',')
  const connectHere = (given = token) =>
    connect({
      ...(given === undefined ? {} : { token: given }),
      servers: servers.map(({ url }) => url),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      pingInterval: 1000,
      timeout: 1000,
    })
  const cluster: NatsCluster = {
    servers,
    urls,
    connect: connectHere,
    whenReady: () => untilAnswered(() => connectHere()),
    async leader() {
      const connection = await connectHere()
      try {
        const { streams } = await jetstreamManager(connection)
        const { cluster } = await streams.info('PARLEY_REVOCATIONS')
        return cluster?.leader ?? ''
      } finally {
        await connection.close()
      }
    },
    async close() {
      for (const server of servers) await server.kill()
    },
  }
  await cluster.whenReady()
  return cluster
}

function natsServer(about: {
  readonly name: string
  readonly url: string
  readonly words: readonly string[]
}): NatsServer {
  let child: ChildProcess | undefined
  const start = () => {
    child = spawn(binary, about.words, { stdio: 'ignore' })
  }
  start()
  return {
    ...about,
    start,
    signal: (signal) => void child?.kill(signal),
    async kill() {
      if (child === undefined) return
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      child = undefined
      await ended
    },
  }
}

async function untilAnswered(open: () => Promise<NatsConnection>): Promise<void> {
  for (const deadlineAt = performance.now() + 60_000; ; ) {
    let connection: NatsConnection | undefined
    try {
      connection = await open()
      await (await jetstreamManager(connection, { timeout: 1000 })).getAccountInfo()
      return
    } catch (error) {
      if (performance.now() > deadlineAt) throw error
      await delay(50)
    } finally {
      await connection?.close()
    }
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const listening = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  return Promise.all(
    listening.map(async (server) => {
      const address = server.address()
      server.close()
      await once(server, 'close')
      if (address === null || typeof address === 'string') throw new Error('no port')
      return address.port
    }),
  )
}
