import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createResource } from '@parley/server/arm/control-plane'
import type { Database } from '@parley/server/database/connect'
import { createPlatform } from '@parley/server/foundation/platform'
import { createSealer, type Sealer } from '@parley/server/foundation/seal'
import { defaultSettings } from '@parley/server/resources/model'
import { environmentOf } from '../administrator.ts'
import { createIdentity, issueToken, liveness, postIdentity } from '../calls.ts'
import { newDataDir, startWorld, type World } from '../world.ts'

const platform = createPlatform({ now: Date.now, monotonicNow: () => 0, randomBytes })
const [formerKey, nextKey, thirdKey] = [randomBytes(32), randomBytes(32), randomBytes(32)]
const fixed = { PARLEY_ISSUER: 'https://parley.example', PARLEY_DOMAIN: 'parley.test' }

/** Settings with one master key, and perhaps the one before it. */
function under(key: Buffer, former?: Buffer): Readonly<Record<string, string>> {
  const before = former === undefined ? {} : { PARLEY_MASTER_KEY_FORMER: former.toString('base64') }
  return { ...fixed, PARLEY_MASTER_KEY: key.toString('base64'), ...before }
}

/** Everything sealed that the database holds, with its purpose. */
async function sealedSecrets(db: Database): Promise<readonly (readonly [string, Buffer])[]> {
  const rows = await db<{ purpose: string; sealed: Buffer }[]>`
    select 'installation/custom-id-key' as purpose, sealed_custom_id_key as sealed
    from installation
    union all
    select 'installation/admin-token', sealed_admin_token
    from installation
    union all
    select 'signing-key/' || kid, sealed_private_key
    from signing_key
    where retired_at is null
    union all
    select 'access-key/' || resource_id || '/' || slot || '/' || generation, sealed_key
    from access_key
    union all
    select 'access-key/' || resource_id || '/' || slot || '/' || former_generation,
      former_sealed_key
    from access_key
    where former_generation is not null
    order by purpose
  `
  return rows.map(({ purpose, sealed }) => [purpose, sealed])
}

function countOpened(secrets: Awaited<ReturnType<typeof sealedSecrets>>, key: Buffer): number {
  const sealer = createSealer(key, platform)
  return secrets.filter(([purpose, sealed]) => sealer.open(sealed, purpose) !== undefined).length
}

/** A key that goes on beside its successor, as a regeneration with an overlap leaves it. */
async function giveFormerKey(db: Database, resourceId: string, sealer: Sealer): Promise<void> {
  const seal = (generation: number) =>
    sealer.seal(randomBytes(64), `access-key/${resourceId}/secondary/${generation}`)
  await db`
    update access_key
    set generation = 2, sealed_key = ${seal(2)}, former_generation = 1,
      former_sealed_key = ${seal(1)}, former_until = now() + interval '1 hour'
    where resource_id = ${resourceId} and slot = 'secondary'
  `
}

/** The acts on keys; resources that a test makes are acts too. */
async function auditedOperations(world: World): Promise<readonly unknown[]> {
  const rows = await world.db<{ actor: string; operation: string; target: string }[]>`
    select actor, operation, target
    from audit_entry
    where operation like '%Key%'
    order by seq`
  return rows.map(({ actor, operation, target }) => [actor, operation, target])
}

const rotation = ['server', 'Parley_RotateMasterKey', '/']

describe('rotating the master key', () => {
  test('seals every secret anew, and changes none of them', async () => {
    const dataDir = newDataDir()
    const before = await startWorld(dataDir, under(formerKey))
    const { db } = before
    const environment = environmentOf(before)
    const sealer = createSealer(formerKey, platform)
    const subscriptionId = environment['PARLEY_SUBSCRIPTION_ID'] ?? ''
    const by = { actor: 'server', operation: 'Test', requestId: '', atMs: before.now() }
    const kind = { dataLocation: 'Norway', settings: defaultSettings, by } as const
    // More than two batches, the deleted ones among them.
    await db.begin(async (within) => {
      for (let number = 0; number < 1100; number++) {
        const place = { subscriptionId, resourceGroup: 'g', name: `n-${number}` }
        await createResource(within, { platform, sealer }, { ...kind, place })
      }
    })
    await db`update resource set deleted_at = now() where name like 'n-_'`
    const tenant = await before.createTenant()
    await giveFormerKey(db, (await before.createTenant()).resourceId, sealer)
    const { identity, accessToken } = (
      await postIdentity(tenant, { createTokenWithScopes: ['chat'] })
    ).body
    const secrets = await sealedSecrets(db)
    assert.equal(countOpened(secrets, formerKey), secrets.length)
    await before.stop()

    const after = await startWorld(dataDir, under(nextKey, formerKey))
    const resealed = await sealedSecrets(after.db)
    assert.deepEqual(
      resealed.map(([purpose]) => purpose),
      secrets.map(([purpose]) => purpose),
    )
    assert.equal(countOpened(resealed, nextKey), secrets.length)
    assert.equal(countOpened(resealed, formerKey), 0)
    const opened = createSealer(nextKey, platform)
    for (const [index, [purpose, sealed]] of secrets.entries()) {
      const now = opened.open(resealed[index]?.[1] ?? Buffer.alloc(0), purpose)
      assert.deepEqual(now, sealer.open(sealed, purpose))
    }
    const owner = after.adoptTenant(tenant)
    const token = await issueToken(owner, identity.id)
    assert.deepEqual(await liveness(owner, [accessToken.token, token]), [true, true])
    assert.equal(environmentOf(after)['PARLEY_ADMIN_TOKEN'], environment['PARLEY_ADMIN_TOKEN'])
    assert.deepEqual(await auditedOperations(after), [rotation])
    await after.stop()

    // Once more with both: there is nothing left to do, and nothing is said to be done.
    const again = await startWorld(dataDir, under(nextKey, formerKey))
    assert.deepEqual(await sealedSecrets(again.db), resealed)
    assert.deepEqual(await auditedOperations(again), [rotation])
    await again.stop()

    await assert.rejects(startWorld(dataDir, under(formerKey)), /The master key is not the one/)
    const alone = await startWorld(dataDir, under(nextKey))
    assert.deepEqual(await liveness(alone.adoptTenant(tenant), [token]), [true])
    await alone.stop()
  })

  test('refuses a former key that is not the one, and changes nothing', async () => {
    const dataDir = newDataDir()
    const before = await startWorld(dataDir, under(formerKey))
    const tenant = await before.createTenant()
    const secrets = await sealedSecrets(before.db)
    await before.stop()
    const neither = /Neither the master key nor the former one .* nothing was changed/
    await assert.rejects(startWorld(dataDir, under(nextKey, thirdKey)), neither)
    await assert.rejects(startWorld(dataDir, under(nextKey)), /The master key is not the one/)
    const malformed = { ...under(nextKey), PARLEY_MASTER_KEY_FORMER: 'short' }
    await assert.rejects(
      startWorld(dataDir, malformed),
      /PARLEY_MASTER_KEY_FORMER must hold base64/,
    )
    const after = await startWorld(dataDir, under(formerKey))
    assert.deepEqual(await sealedSecrets(after.db), secrets)
    assert.deepEqual(await auditedOperations(after), [])
    await createIdentity(after.adoptTenant(tenant))
    await after.stop()
  })

  const steps = [
    ['the installation', 'installation', 'update'],
    ['the signing keys', 'signing_key', 'update'],
    ['the access keys', 'access_key', 'update'],
    ['the audit log', 'audit_entry', 'insert'],
  ] as const
  test('is done whole or not at all, wherever it ends, and goes on at the next start', async () => {
    const dataDir = newDataDir()
    let world = await startWorld(dataDir, under(formerKey))
    const tenant = await world.createTenant()
    const secrets = await sealedSecrets(world.db)
    await world.db`
      create function fall() returns trigger language plpgsql as $$
      begin
        raise exception 'the end came here';
      end
      $$`
    for (const [what, table, change] of steps) {
      await world.db.unsafe(
        `create trigger fall before ${change} on ${table} for each row execute function fall()`,
      )
      await world.stop()
      await assert.rejects(
        startWorld(dataDir, under(nextKey, formerKey)),
        /the end came here/,
        what,
      )
      world = await startWorld(dataDir, under(formerKey))
      assert.deepEqual(await sealedSecrets(world.db), secrets, what)
      await world.db.unsafe(`drop trigger fall on ${table}`)
    }
    await world.stop()
    const after = await startWorld(dataDir, under(nextKey, formerKey))
    assert.equal(countOpened(await sealedSecrets(after.db), nextKey), secrets.length)
    assert.deepEqual(await auditedOperations(after), [rotation])
    await createIdentity(after.adoptTenant(tenant))
    await after.stop()
  })

  test('takes the former key from its file and makes the next one', async () => {
    const dataDir = newDataDir()
    const before = await startWorld(dataDir, fixed)
    const tenant = await before.createTenant()
    await before.stop()
    const [file, formerFile] = [join(dataDir, 'master.key'), join(dataDir, 'master.key.former')]
    renameSync(file, formerFile)

    const after = await startWorld(dataDir, fixed)
    assert.notEqual(readFileSync(file, 'utf8'), readFileSync(formerFile, 'utf8'))
    assert.ok(existsSync(formerFile), 'it is the operator who removes it')
    await createIdentity(after.adoptTenant(tenant))
    await after.stop()

    rmSync(formerFile)
    const alone = await startWorld(dataDir, fixed)
    await createIdentity(alone.adoptTenant(tenant))
    assert.deepEqual(await auditedOperations(alone), [rotation])
    await alone.stop()
  })
})
