/** Engines at the Januses of a test. */
import { randomUUID } from 'node:crypto'
import { createJanus } from '@parley/server/calls/janus/engine'
import { openJanusServer } from '@parley/server/calls/janus/server'
import type { MediaEngine } from '@parley/server/calls/media-engine'
import { type JanusProcess, janusSecrets } from './janus-process.ts'

const log = { warn: () => undefined, info: () => undefined }

const engines: MediaEngine[] = []

/** Makes the engine of one more node. */
export async function newJanusEngine(...januses: readonly JanusProcess[]): Promise<MediaEngine> {
  const secrets = {
    ...{ apiSecret: janusSecrets.api, adminKey: janusSecrets.room },
    adminSecret: janusSecrets.admin,
  }
  const servers = januses.map(({ url, adminUrl }) =>
    openJanusServer({ url, adminUrl }, secrets, log),
  )
  const engine = createJanus({ servers, newGuid: randomUUID, log })
  engines.push(engine)
  await Promise.all(servers.map(({ connection }) => connection.whenUp(5000)))
  return engine
}

/** Ends all that were made. */
export async function stopJanusEngines(): Promise<void> {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()))
}
