import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { serverLimits } from '../contract/limits.ts'
import type { Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { type AuditAct, type AuditEntry, findChainBreak, firstPreviousHash } from './model.ts'
import { appendAudit, listAuditEntries } from './store.ts'

const resourceId = '0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee'
const act: AuditAct = {
  actor: 'admin-token',
  operation: 'Parley_Test',
  target: '/subscriptions/s',
  resourceId,
  requestId: 'request',
  atMs: 1_800_000_000_123,
}

/** Texts of every plane and of no form: controls, halves of pairs, quotes of SQL and of arrays. */
const anyText = fc.string({ unit: 'binary', maxLength: 40 })
const nastyText = fc.oneof(
  anyText,
  fc.constantFrom('', ' ', 'NULL', '{"a",b}', '\\', '"', "'", '\n', '\r\n', '\0', '\u2028'),
  fc.constantFrom('\ud83d', '\udc00x', '\u{1f600}'.repeat(300), 'é'.repeat(600), '\t'.repeat(513)),
)
const anyAct = fc.record({
  actor: nastyText,
  operation: fc.constantFrom('Parley_Test', 'CommunicationIdentity_Delete'),
  target: nastyText,
  resourceId: fc.option(fc.uuid(), { nil: undefined }),
  requestId: nastyText,
  atMs: fc.integer({ min: 0, max: 253_402_300_799_999 }),
})

describe('the audit log in the database', () => {
  let temporary: TemporaryPostgres
  let db: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    db = temporary.database
    const migrated = await migrate(db, act.atMs)
    assert.ok(migrated.ok, JSON.stringify(migrated))
  })
  after(() => temporary.close())
  beforeEach(async () => {
    await tamper(() => db`delete from audit_entry`)
    const noHash = Buffer.from(firstPreviousHash, 'hex')
    await db`update audit_head set last_seq = 0, last_hash = ${noHash}`
  })

  /** What nobody can do through the server: the trigger is gone for the time of a statement. */
  async function tamper(change: () => PromiseLike<unknown>) {
    await db`alter table audit_entry disable trigger audit_entry_append_only`
    await change()
    await db`alter table audit_entry enable trigger audit_entry_append_only`
  }

  const append = (acts: readonly AuditAct[]) => db.begin((within) => appendAudit(within, acts))
  const listAll = (entriesMax = 10_000): Promise<readonly AuditEntry[]> =>
    listAuditEntries(db, { afterSeq: 0, entriesMax, resourceId: undefined })

  test('hashes in SQL as the model does, whatever the fields hold', async () => {
    let before = { seq: 0, hash: firstPreviousHash }
    const batches = fc.array(anyAct, { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(batches, async (acts) => {
        await append(acts)
        const entries = await listAuditEntries(db, {
          afterSeq: before.seq,
          entriesMax: 10,
          resourceId: undefined,
        })
        assert.equal(entries.length, acts.length)
        assert.equal(findChainBreak(entries, before), undefined)
        before = entries.at(-1) ?? before
      }),
      { numRuns: 200 },
    )
  })

  test('keeps what fits in one line of 512 characters, and nothing else', async () => {
    const dangerous = { actor: 'a\nb\r\u2028\0c', target: '\ud83dx', requestId: 'é'.repeat(513) }
    const cutInPair = { ...act, actor: `${'x'.repeat(511)}\u{1f600}` }
    await append([
      { ...act, ...dangerous },
      cutInPair,
      { ...act, actor: '', resourceId: undefined },
    ])
    const [one, two, three] = await listAll()
    const { auditFieldCharactersMax: max } = serverLimits
    assert.deepEqual([one?.actor, one?.target, one?.requestId], ['a b   c', ' x', 'é'.repeat(max)])
    assert.equal(two?.actor, `${'x'.repeat(511)} `)
    assert.deepEqual([three?.actor, three?.resourceId], ['', undefined])
  })

  test('names a resource as it is stored, however it was written', async () => {
    await append([{ ...act, resourceId: resourceId.toUpperCase() }])
    const entries = await listAll()
    assert.equal(entries[0]?.resourceId, resourceId)
    assert.equal(findChainBreak(entries), undefined)
  })

  test('is one chain without gaps when 8 connections append to it at once', async () => {
    const writers = Array.from({ length: 8 }, (_, writer) =>
      Array.from({ length: 25 }, (_, number) => ({ ...act, requestId: `${writer}.${number}` })),
    )
    const { postgres } = temporary
    const { connectDatabase } = await import('../database/connect.ts')
    const address = { kind: 'embedded', connection: postgres.connection } as const
    const connected = await connectDatabase({ address, connectionsMax: 8 })
    assert.ok(connected.ok)
    await Promise.all(
      writers.map(async (acts) => {
        for (const one of acts) {
          await connected.value.begin((within) => appendAudit(within, [one, one]))
        }
      }),
    )
    await connected.value.end()
    const entries = await listAll()
    assert.equal(entries.length, 8 * 25 * 2)
    assert.equal(findChainBreak(entries), undefined)
    assert.equal(new Set(entries.map((entry) => entry.requestId)).size, 200)
  })

  test('has nothing of a transaction that was rolled back', async () => {
    await append([act])
    const rolledBack = db.begin(async (within) => {
      await appendAudit(within, [act])
      throw new Error('on purpose')
    })
    await assert.rejects(rolledBack, /on purpose/)
    await append([act])
    const entries = await listAll()
    assert.deepEqual(
      entries.map((entry) => entry.seq),
      [1, 2],
    )
    assert.equal(findChainBreak(entries), undefined)
  })

  test('lists the entries of one resource', async () => {
    await append([act, { ...act, resourceId: undefined }, act])
    const entries = await listAuditEntries(db, { afterSeq: 1, entriesMax: 9, resourceId })
    assert.deepEqual(
      entries.map((entry) => entry.seq),
      [3],
    )
  })

  const changes = {
    update: () => db`update audit_entry set actor = 'nobody'`,
    delete: () => db`delete from audit_entry`,
    truncate: () => db`truncate audit_entry`,
  }
  for (const [what, change] of Object.entries(changes)) {
    test(`refuses to ${what}`, async () => {
      await append([act])
      await assert.rejects(change(), /the audit log is append-only/)
      assert.equal((await listAll()).length, 1)
    })
  }

  const tampered = [
    ['a changed actor', () => db`update audit_entry set actor = 'x' where seq = 3`, 3],
    ['a changed time', () => db`update audit_entry set at_ms = at_ms + 1 where seq = 3`, 3],
    ['a changed resource', () => db`update audit_entry set resource_id = null where seq = 3`, 3],
    ['a removed entry', () => db`delete from audit_entry where seq = 3`, 4],
    ['an inserted entry', () => insertBetween(3), 3],
    [
      'a changed hash',
      () => db`update audit_entry set hash = ${Buffer.alloc(32)} where seq = 3`,
      3,
    ],
  ] as const
  for (const [what, change, seq] of tampered) {
    test(`shows ${what}`, async () => {
      await append([act, act, act, act, act])
      await tamper(change)
      assert.equal(findChainBreak(await listAll())?.seq, seq)
    })
  }

  /** Puts a forged entry at a place and moves those after it. */
  async function insertBetween(seq: number): Promise<void> {
    for (let moved = 5; moved >= seq; moved--) {
      await db`update audit_entry set seq = ${moved + 1} where seq = ${moved}`
    }
    await db`
      insert into audit_entry
      select
        ${seq}, at_ms, 'forged', operation, target, resource_id, request_id, previous_hash, hash
      from audit_entry
      where seq = ${seq + 1}`
  }
})
