import { randomBytes } from 'node:crypto'
import { connectDatabase, type DatabaseAddress } from '@parley/server/database/connect'
import { findLastSeq } from '@parley/server/events/store'
import { openLog } from '@parley/server/foundation/log'
import { createPlatform } from '@parley/server/foundation/platform'
import { createNode, type Node } from '@parley/server/nodes/node'
import { nodeDatabase } from '@parley/server/nodes/session'

/** A node of the bench, with the moment at which it knew of each event. */
export interface BenchNode extends Node {
  /** Nanoseconds on the clock that all processes of this machine share, by number of the event. */
  readonly appliedAt: ReadonlyMap<number, bigint>
}

/** Starts a node that does nothing but follow. */
export async function startBenchNode(address: DatabaseAddress): Promise<BenchNode> {
  const connected = await connectDatabase({ address, connectionsMax: 1 })
  if (!connected.ok) throw new Error(connected.fault.message)
  const db = connected.value
  const node = createNode({
    database: nodeDatabase(address, db),
    platform: createPlatform({
      now: Date.now,
      monotonicNow: () => performance.now(),
      randomBytes,
    }),
    log: openLog({ level: 'warn', fileDescriptor: 2 }).log,
    startSeq: await findLastSeq(db),
  })
  const appliedAt = new Map<number, bigint>()
  node.feed.follow({
    apply: ({ seq }) => {
      appliedAt.set(seq, process.hrtime.bigint())
      return undefined
    },
  })
  const started = await node.start()
  if (!started.ok) throw new Error(started.fault.message)
  return {
    ...node,
    appliedAt,
    close: async () => {
      await node.close()
      await db.end()
    },
  }
}

/** As a process of its own: says that it follows, tells its times when asked, and ends. */
async function main(text: string): Promise<void> {
  const node = await startBenchNode(JSON.parse(text) as DatabaseAddress)
  process.once('message', async () => {
    const times = [...node.appliedAt].map(([seq, at]) => [seq, String(at)])
    // Whoever disconnects before a long message is out has cut it off.
    await new Promise<void>((done) => process.send?.(times, () => done()))
    await node.close()
    process.disconnect?.()
  })
  process.send?.('follows')
}

const address = process.argv[2]
if (process.send !== undefined && address?.startsWith('{')) await main(address)
