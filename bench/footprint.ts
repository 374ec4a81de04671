import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { exchangeOnce } from './connection.ts'
import { type Bench, type Claim, median } from './harness.ts'
import { cpuMicroseconds, readMemory } from './processes.ts'
import { signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

/**
 * What Parley takes before anybody uses it: memory, and the time from command to first token.
 *
 * The time is the one claim about wall time, since it is what a person waits for; the CPU time is
 * shown beside it, because it tells a slow start from a busy machine.
 */
export async function measureFootprint(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  try {
    // The first start of all reads the programs from the disk: that is not Parley's time.
    await timeToFirstToken(join(work.path, 'cold'))
    const empty: Start[] = []
    const existing: Start[] = []
    for (let round = 0; round < bench.pace.rounds; round++) {
      const dataDirectory = join(work.path, `data-${round}`)
      empty.push(await timeToFirstToken(dataDirectory))
      existing.push(await timeToFirstToken(dataDirectory))
    }
    const seconds = (starts: readonly Start[]) => starts.map((start) => start.seconds)
    const cpu = (starts: readonly Start[]) => median(starts.map((start) => start.cpuSeconds))
    bench.note(`  CPU until the first token, empty directory: ${cpu(empty).toFixed(2)} s`)
    bench.note(`  CPU until the first token, existing one: ${cpu(existing).toFixed(2)} s`)
    const memory = await idleMemory(bench, work.path)
    return [
      { text: 'memory of the idle server', figures: memory, unit: 'MB', limit: 120 },
      { text: 'first token, empty directory', figures: seconds(empty), unit: 's', limit: 2 },
      { text: 'first token, existing one', figures: seconds(existing), unit: 's', limit: 0.8 },
    ]
  } finally {
    work.remove()
  }
}

interface Start {
  /** From the command to the token, wall time. */
  readonly seconds: number
  /** All processes of the server together. */
  readonly cpuSeconds: number
}

async function timeToFirstToken(dataDirectory: string): Promise<Start> {
  const startedMs = performance.now()
  const parley = await startParley(dataDirectory)
  try {
    await getFirstToken(parley)
    const seconds = (performance.now() - startedMs) / 1000
    return { seconds, cpuSeconds: cpuMicroseconds(parley) / 1_000_000 }
  } finally {
    await parley.stop()
  }
}

/** Creates an identity with a token in one call, as a newcomer's program does, over https. */
async function getFirstToken({ https, accessKey }: ParleyServer): Promise<void> {
  const request = signedRequest(https, accessKey, {
    method: 'POST',
    path: '/identities?api-version=2023-10-01',
    body: '{"createTokenWithScopes":["chat","voip"]}',
  })
  const { status, body } = await exchangeOnce(https, request)
  if (status !== 201) throw new Error(`${status}: ${body}`)
  const { accessToken } = JSON.parse(body.toString()) as { accessToken?: { token?: string } }
  if (!accessToken?.token) throw new Error('an identity without the token asked for')
}

/** Megabytes of three servers on new directories, five seconds after they got ready. */
async function idleMemory(bench: Bench, directory: string): Promise<number[]> {
  const figures: number[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const parley = await startParley(join(directory, `idle-${attempt}`))
    try {
      await delay(5000)
      const { serverBytes, databaseBytes, databasePrivateBytes } = readMemory(parley)
      const [server, database, isPrivate] = [serverBytes, databaseBytes, databasePrivateBytes].map(
        (bytes) => bytes / 2 ** 20,
      ) as [number, number, number]
      figures.push(server + database)
      const parts = `${server.toFixed(1)} MB resident + ${database.toFixed(1)} MB of the database`
      bench.note(`  idle: ${parts} (Pss; private alone ${isPrivate.toFixed(1)} MB)`)
    } finally {
      await parley.stop()
    }
  }
  return figures
}
