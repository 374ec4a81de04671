/**
 * kill -9 while the master key is rotated.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createResource } from '@parley/server/arm/control-plane'
import type { Database } from '@parley/server/database/connect'
import { createPlatform } from '@parley/server/foundation/platform'
import { createSealer } from '@parley/server/foundation/seal'
import { defaultSettings } from '@parley/server/resources/model'
import { launchServer, startServer } from '../server-process.ts'
import {
  assertNothingIsLeft,
  killed,
  newDataDir,
  openDatabaseOf,
  untilNobodyIsLeft,
} from './place.ts'

const platform = createPlatform({ now: Date.now, monotonicNow: () => 0, randomBytes })
const settings = { PARLEY_ISSUER: 'https://parley.test', PARLEY_DOMAIN: 'parley.test' }
const clean = { code: 0, signal: null }
const resourceCount = 2500

/** Milliseconds after the start of the process: sealing this many anew takes half a second. */
const moments = [300, 450, 600, 750, 900, 1100, 1300, 1600]

describe('kill -9 while the master key is rotated', () => {
  test('leaves what the next start completes, whenever it comes', async () => {
    const dataDir = newDataDir()
    const first = await startServer({ dataDir, settings })
    const db = await openDatabaseOf(dataDir)
    await insertResources(db, masterKeyOf(dataDir))
    await db.end()
    assert.deepEqual(await first.stop(), clean)
    renameSync(join(dataDir, 'master.key'), join(dataDir, 'master.key.former'))

    for (const moment of moments) {
      const launched = launchServer({ dataDir, settings })
      await delay(moment)
      await killed(launched)
      await untilNobodyIsLeft(dataDir)
      assert.ok(existsSync(join(dataDir, 'master.key.former')))
    }
    const server = await startServer({ dataDir, settings })
    assert.ok(server.accessKey.equals(first.accessKey))
    const host = 'parley.parley.test'
    const path = '/identities?api-version=2023-10-01'
    assert.equal((await server.call({ method: 'POST', path, host })).status, 201)
    const after = await openDatabaseOf(dataDir)
    const rows = await after<{ purpose: string; sealed: Buffer }[]>`
      select 'access-key/' || resource_id || '/' || slot || '/' || generation as purpose,
        sealed_key as sealed
      from access_key`
    const rotations = await after`
      select from audit_entry where operation = 'Parley_RotateMasterKey'`
    await after.end()
    const sealer = createSealer(masterKeyOf(dataDir), platform)
    assert.equal(rows.length, 2 * (resourceCount + 1))
    assert.ok(rows.every(({ purpose, sealed }) => sealer.open(sealed, purpose) !== undefined))
    assert.equal(rotations.length, 1)
    assert.deepEqual(await server.stop(), clean)

    rmSync(join(dataDir, 'master.key.former'))
    const alone = await startServer({ dataDir, settings })
    assert.deepEqual(await alone.stop(), clean)
    assertNothingIsLeft(dataDir)
  })
})

function masterKeyOf(dataDir: string): Buffer {
  return Buffer.from(readFileSync(join(dataDir, 'master.key'), 'utf8'), 'base64')
}

async function insertResources(db: Database, masterKey: Buffer): Promise<void> {
  const sealer = createSealer(masterKey, platform)
  const [row] = await db<{ subscription_id: string }[]>`select subscription_id from subscription`
  const subscriptionId = row?.subscription_id ?? ''
  const by = { actor: 'server', operation: 'Test', requestId: '', atMs: Date.now() }
  const kind = { dataLocation: 'Norway', settings: defaultSettings, by } as const
  await db.begin(async (within) => {
    for (let number = 0; number < resourceCount; number++) {
      const place = { subscriptionId, resourceGroup: 'g', name: `n-${number}` }
      await createResource(within, { platform, sealer }, { ...kind, place })
    }
  })
}
