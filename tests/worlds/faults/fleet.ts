/**
 * Nodes of a test, each a process of its own on a line of its own to the database, and with a
 * clock of its own.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import { type ServerProcess, startServer } from '../../server-process.ts'
import { killed, newDataDir } from '../place.ts'
import { type Line, layLine } from './line.ts'

/** A node, whatever state it is in. */
export interface FleetNode {
  readonly name: string
  /** Its way to the database. */
  readonly line: Line
  /** The process; while it is down the one that was. */
  server: ServerProcess
  /**
   * An access key of the first resource. The banner of a later start may show that of another one:
   * which is first is told by the clocks of those that made them.
   */
  readonly accessKey: Buffer
  readonly kill: () => Promise<unknown>
  readonly start: () => Promise<void>
  /**
   * Sets its wall clock: seconds that it is ahead. Absent where that cannot be done, as for a
   * monotonic clock, which must not go back: Node ends the process that sees it.
   */
  readonly step: ((aheadSeconds: number) => void) | undefined
}

/** What makes the clock of a node another one than that of this machine. */
export interface Skew {
  /** As libfaketime reads it: `-180`, or `+90 x1.05` for a clock that runs fast as well. */
  readonly clock: string
  /** Whether the monotonic clock is another one too. */
  readonly isMonotonic: boolean
}

const library = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

/** Whether the clocks of processes can be set here. */
export function canSkew(): boolean {
  const isHere = existsSync(library)
  const { CI = '' } = process.env
  assert.ok(isHere || ['', '0', 'false'].includes(CI), `there is no ${library}`)
  return isHere
}

/** Starts a node. @param url - gives its database, from the port of its line. */
export async function startFleetNode(asked: {
  readonly name: string
  readonly socket: string
  readonly skew?: Skew | undefined
  readonly url?: (port: number) => string
}): Promise<FleetNode> {
  const line = await layLine(asked.socket)
  const { url = urlAt } = asked
  const dataDir = newDataDir()
  const clockFile = `${dataDir}.clock`
  const launch = () =>
    startServer({
      dataDir,
      settings: {
        PARLEY_DATABASE_URL: url(line.port),
        PARLEY_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
        PARLEY_ISSUER: 'https://parley.example',
        PARLEY_DOMAIN: 'parley.test',
        ...(asked.skew === undefined ? {} : clockOf(asked.skew, clockFile)),
      },
    })
  const step = (aheadSeconds: number) => {
    const sign = aheadSeconds < 0 ? '-' : '+'
    writeFileSync(clockFile, `${sign}${Math.abs(aheadSeconds)}`)
  }
  const server = await launch()
  const node: FleetNode = {
    name: asked.name,
    ...{ line, server, accessKey: server.accessKey },
    kill: () => killed(node.server),
    async start() {
      node.server = await launch()
    },
    step: asked.skew?.isMonotonic === false ? step : undefined,
  }
  return node
}

/** The database behind a line. */
export function urlAt(port: number): string {
  return `postgres://parley@127.0.0.1:${port}/postgres`
}

function clockOf({ clock, isMonotonic }: Skew, file: string): Record<string, string> {
  writeFileSync(file, clock)
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    ...(isMonotonic ? {} : { FAKETIME_DONT_FAKE_MONOTONIC: '1' }),
  }
}

/** What the administrator of a node has. */
export function administratorOf({ server }: FleetNode): {
  readonly token: string
  readonly subscriptionId: string
} {
  const file = parseEnvironmentFile(readFileSync(server.banner.environmentFile, 'utf8'))
  return {
    token: file['PARLEY_ADMIN_TOKEN'] ?? '',
    subscriptionId: file['PARLEY_SUBSCRIPTION_ID'] ?? '',
  }
}

/** Ends what is left of a fleet, however it was left. */
export async function endFleet(nodes: readonly FleetNode[]): Promise<void> {
  for (const { server, line } of nodes) {
    line.heal()
    server.child.kill('SIGCONT')
  }
  await Promise.all(nodes.map(({ server }) => killed(server)))
  await Promise.all(nodes.map(({ line }) => line.close()))
}
