import type { Database, DatabaseAddress, Queries } from '../database/connect.ts'
import { findLogEnd } from '../events/store.ts'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import { withFollowers } from './followers.ts'
import { createNode, type Node } from './node.ts'
import { nodeDatabase } from './session.ts'

/** A node on PostgreSQL. */
export interface OpenNode extends Node {
  /** Where what is kept in memory is read from. */
  readonly memory: () => Queries
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
}): Promise<OpenNode> {
  const { db, address, platform, log } = world
  const { lastSeq: startSeq, timeline } = await findLogEnd(db)
  const database = nodeDatabase(address, db)
  const node = createNode({ database, platform, log, startSeq, timeline })
  return { ...withFollowers(node, { db, platform, log }), memory: database.memory }
}
