import type { Database, DatabaseAddress, Queries } from '../database/connect.ts'
import { createNatsCarrier, type NatsCarrier } from '../events/nats/nats-carrier.ts'
import { findLogEnd } from '../events/store.ts'
import type { Log } from '../foundation/log.ts'
import type { NatsPlace } from '../foundation/nats-place.ts'
import type { Platform } from '../foundation/platform.ts'
import { withFollowers } from './followers.ts'
import { createNode, type Node } from './node.ts'
import { nodeDatabase } from './session.ts'

/** A node on PostgreSQL. */
export interface OpenNode extends Node {
  /** Where what is kept in memory is read from. */
  readonly memory: () => Queries
  /** Carries events beside the database, once it is started; `undefined` where nothing does. */
  readonly carrier: NatsCarrier | undefined
}

/**
 * Creates the node of a server, whose voidings wait for followers too. Whatever is read into memory
 * after this has come back is followed from there on.
 */
export async function openNode(world: {
  readonly db: Database
  readonly address: DatabaseAddress
  readonly platform: Platform
  readonly log: Log
  /** Where NATS is, if it is used. */
  readonly nats: NatsPlace | undefined
}): Promise<OpenNode> {
  const { db, address, platform, log, nats: place } = world
  const { lastSeq: startSeq, timeline } = await findLogEnd(db)
  const database = nodeDatabase(address, db)
  const carrier = place && createNatsCarrier({ place, platform, log, startSeq })
  const node = createNode({ database, platform, log, startSeq, timeline, carrier })
  const { memory } = database
  return { ...withFollowers(node, { db, memory, platform, log }), memory, carrier }
}
