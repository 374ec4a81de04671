import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Database } from './connect.ts'
import { startTemporaryPostgres, type TemporaryPostgres } from './embedded/temporary-postgres.ts'
import { migrate } from './migrate.ts'
import { ensureTokenPartitions } from './partitions.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')
const now = new Date(nowMs)
const later = new Date(nowMs + 3_600_000)

/** Tables that belong to no resource. */
const globalTables = [
  'audit_entry',
  'audit_head',
  'event_sequence',
  'installation',
  'node',
  'schema_migration',
  'signing_key',
  'subscription',
]

/** Tables whose rows outlive their resource, and the migration says why. */
const outliving = [
  'resource_purge',
  'revocation_event',
  'revocation_follower',
  'usage_hour',
  'usage_record',
]

describe('the tables', () => {
  let temporary: TemporaryPostgres
  let sql: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    sql = temporary.database
    const migrated = await migrate(sql, nowMs)
    assert.ok(migrated.ok, JSON.stringify(migrated))
    assert.deepEqual((await ensureTokenPartitions(sql, nowMs)).postponed, [])
  })
  after(() => temporary.close())

  /** A resource with keys, one identity and one token, in a subscription of its own. */
  async function insertResource(number: number) {
    const id = (kind: number) => `00000000-0000-0000-${kind}000-${String(number).padStart(12, '0')}`
    const made = { subscription: id(1), resource: id(2), identity: id(3), jti: id(4) }
    await sql`insert into subscription values (${made.subscription}, ${now})`
    await sql`
      insert into resource (
        resource_id, subscription_id, resource_group, name, data_location, created_at)
      values (${made.resource}, ${made.subscription}, 'group', ${`Name-${number}`}, 'here', ${now})`
    await sql`
      insert into access_key (resource_id, slot, sealed_key, created_at)
      values (${made.resource}, 'primary', ${Buffer.from('sealed')}, ${now})`
    await sql`
      insert into identity (resource_id, identity_id, created_at)
      values (${made.resource}, ${made.identity}, ${now})`
    await sql`
      insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
      values (${made.resource}, ${made.identity}, ${made.jti}, 1, ${now}, ${later})`
    return made
  }

  async function countTokens(resource: string) {
    const [row] = await sql<{ count: number }[]>`
      select count(*) as count
      from access_token
      where resource_id = ${resource}`
    return row?.count
  }

  test('start with their resource and reach it by cascading keys, but a named few', async () => {
    const tables = await sql<{ name: string; firstOfKey: string; cascades: boolean }[]>`
      select relname as name,
        attname as "firstOfKey",
        exists (
          select
          from pg_constraint
          where conrelid = pg_class.oid
            and contype = 'f'
            and confdeltype = 'c'
            and confrelid::regclass::text in (
              'resource', 'identity', 'chat_thread', 'chat_message', 'chat_participant', 'call'
            )
        ) as cascades
      from pg_class
      join pg_index on indrelid = pg_class.oid and indisprimary
      join pg_attribute on attrelid = pg_class.oid and attnum = indkey[0]
      where relnamespace = 'public'::regnamespace
        and relkind in ('r', 'p')
        and not relispartition
      order by relname`
    const confined = tables.filter(
      ({ name }) => !globalTables.includes(name) && name !== 'resource',
    )
    assert.deepEqual(
      confined.map(({ name }) => name),
      [
        'access_key',
        'access_token',
        'call',
        'call_device',
        'call_frame',
        'call_leg',
        'call_ring',
        'chat_endpoint',
        'chat_erasure',
        'chat_message',
        'chat_message_person',
        'chat_notice',
        'chat_participant',
        'chat_receipt',
        'chat_thread',
        'entra_assignment',
        'identity',
        ...['phone_number', 'phone_settings', 'relay_policy', 'relay_user'],
        ...['resource_purge', 'revocation_event'],
        'revocation_follower',
        'room',
        'room_participant',
        'sip_configuration',
        'usage_hour',
        'usage_record',
        'verifier_credential',
      ],
    )
    for (const { name, firstOfKey, cascades } of confined) {
      assert.equal(firstOfKey, 'resource_id', name)
      assert.equal(cascades, !outliving.includes(name), name)
    }
  })

  test('lose everything of a resource with its subscription, except its cut-off', async () => {
    const made = await insertResource(1)
    await sql`
      insert into revocation_event
      values (${made.resource}, 1, 'resource', ${made.resource}, 4294967295, ${later})`
    await sql`delete from subscription where subscription_id = ${made.subscription}`
    const [left] = await sql`
      select
        (select count(*) from access_key where resource_id = ${made.resource}) as keys,
        (select count(*) from identity where resource_id = ${made.resource}) as identities,
        (select count(*) from revocation_event where resource_id = ${made.resource}) as events`
    assert.deepEqual(left, { keys: 0, identities: 0, events: 1 })
    assert.equal(await countTokens(made.resource), 0)
  })

  test('lose the tokens of an identity with it', async () => {
    const made = await insertResource(2)
    await sql`delete from identity where resource_id = ${made.resource}`
    assert.equal(await countTokens(made.resource), 0)
  })

  const refusals = [
    [
      'two resources whose names differ in case only',
      '23505',
      `
      insert into resource
      select gen_random_uuid(), subscription_id, 'group', 'NAME-3', 'here', created_at
      from resource where name = 'Name-3'`,
    ],
    [
      'a third access key',
      '23514',
      `
      insert into access_key
      select resource_id, 'tertiary', 1, 'x', created_at from resource where name = 'Name-3'`,
    ],
    ['generation 0', '23514', `update access_key set generation = 0`],
    ['the generation that means deleted', '23514', `update identity set generation = 4294967295`],
    [
      'one custom id for two identities of a resource',
      '23505',
      `
      insert into identity
      select resource_id, gen_random_uuid(), 1, 'hash', created_at
      from identity cross join generate_series(1, 2)`,
    ],
    [
      'a slot without its generation',
      '23514',
      `update access_token set access_key_slot = 'primary'`,
    ],
    ['a token that opens nothing', '23514', `update access_token set scopes = 0`],
    ['a second row of numbers', '23505', `insert into event_sequence (last_seq) values (5)`],
    [
      'a second installation',
      '23505',
      `
      insert into installation
      select true, gen_random_uuid(), 'key', 'token', created_at
      from resource cross join generate_series(1, 2)`,
    ],
    [
      'one number for two events',
      '23505',
      `
      insert into revocation_event
      select gen_random_uuid(), 7, 'token', 'x', 2, now() from generate_series(1, 2)`,
    ],
  ] as const
  test('hold what the statements rely on', async (context) => {
    await insertResource(3)
    for (const [what, code, statement] of refusals) {
      await context.test(`refuse ${what}`, async () => {
        await assert.rejects(sql.unsafe(statement), { code })
      })
    }
  })

  test('start the feed at 0, so that its first event is number 1', async () => {
    assert.deepEqual([...(await sql`select last_seq from event_sequence`)], [{ last_seq: 0 }])
  })
})
