import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connectDatabase, type Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate, readMigrations } from '../database/migrate.ts'
import { ensureTokenPartitions } from '../database/partitions.ts'
import { listLiveTokens } from './live-token-store.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')
const [resourceId, revoked, untouched] = [1, 2, 3].map(
  (last) => `0199a6b2-7c00-7000-8000-00000000000${last}`,
) as [string, string, string]
const jtiOf = (number: number) => `0199a6b2-7c00-7000-9000-00000000000${number}`

describe('a ledger that the version before has written', () => {
  let temporary: TemporaryPostgres
  let db: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    await temporary.database.unsafe('create database before_corridor')
    const connection = { ...temporary.postgres.connection, database: 'before_corridor' }
    const connected = await connectDatabase({ address: { kind: 'embedded', connection } })
    assert.ok(connected.ok)
    db = connected.value
  })
  after(async () => {
    await db.end()
    await temporary.close()
  })

  async function insertToken(identityId: string, number: number, issuedAtMs: number) {
    await db`
      insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
      values (
        ${resourceId}, ${identityId}, ${jtiOf(number)}, 1,
        ${new Date(issuedAtMs)}, ${new Date(nowMs + 3_600_000)}
      )`
  }

  test('shows as live what no revocation in the log came after', async () => {
    const migrations = await readMigrations()
    const earlier = migrations.filter(({ version }) => version <= 2)
    assert.ok((await migrate(db, nowMs, earlier)).ok)
    await ensureTokenPartitions(db, nowMs)
    const at = new Date(nowMs)
    await db`insert into subscription (subscription_id, created_at) values (${resourceId}, ${at})`
    await db`
      insert into resource (
        resource_id, subscription_id, resource_group, name, data_location, created_at)
      values (${resourceId}, ${resourceId}, 'group', 'name', 'here', ${at})`
    await db`
      insert into identity (resource_id, identity_id, generation, created_at)
      values (${resourceId}, ${revoked}, 3, ${at}), (${resourceId}, ${untouched}, 1, ${at})`
    const revokedAtMs = nowMs - 600_000
    const forgetAt = new Date(revokedAtMs + (24 * 60 + 1) * 60_000)
    for (const generation of [2, 3]) {
      await db`
        insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
        values (${resourceId}, ${generation}, 'identity', ${revoked}, ${generation}, ${forgetAt})`
    }
    await insertToken(revoked, 1, revokedAtMs - 60_000)
    await insertToken(revoked, 2, revokedAtMs + 60_000)
    await insertToken(untouched, 3, revokedAtMs - 60_000)
    assert.ok((await migrate(db, nowMs)).ok)
    const asked = { after: undefined, tokensMax: 10, linesMax: 10, nowMs }
    const { tokens } = await listLiveTokens(db, resourceId, { ...asked, identityId: undefined })
    assert.deepEqual(
      tokens.map(({ tokenId }) => tokenId),
      [jtiOf(2), jtiOf(3)],
    )
    const page = { ...asked, identityId: revoked, tokensMax: 1, linesMax: 1 }
    assert.deepEqual(await listLiveTokens(db, resourceId, page), {
      tokens: [],
      nextAfter: jtiOf(1),
    })
  })
})
