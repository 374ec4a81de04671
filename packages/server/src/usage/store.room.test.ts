import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Database, Queries } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { differencesOf, type UsageSource } from './comparison.ts'
import { foldAll } from './recurring.ts'
import {
  countingPurged,
  countingUsage,
  countPurged,
  countUsage,
  foldRecords,
  listResourcesWithRecords,
  listUsage,
} from './store.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')
const hourMs = Date.parse('2026-03-01T10:00:00Z')
const oneHourMs = 3_600_000
const meter = 'chat-messages-sent'
const everything = {
  resourceId: undefined,
  meter: undefined,
  fromMs: 0,
  toMs: 8_640_000_000_000,
  after: undefined,
  hoursMax: 1000,
}

let temporary: TemporaryPostgres
let sql: Database
let madeCount = 0
before(async () => {
  temporary = await startTemporaryPostgres()
  sql = temporary.database
  assert.ok((await migrate(sql, nowMs)).ok)
  await sql`create table thing (resource_id uuid, thing_id integer, created_at timestamptz)`
})
after(() => temporary.close())

/** Inside of each `describe`: outside of them it would be done for the whole tier. */
function empty() {
  return sql`truncate usage_hour, usage_record, thing`
}

function newResourceId(): string {
  madeCount += 1
  return `00000000-0000-4000-8000-${String(madeCount).padStart(12, '0')}`
}

/** Stores things as a primitive does: one statement that counts what it stores. */
async function store(db: Queries, resourceId: string, instants: readonly number[]): Promise<void> {
  await db`
    with stored as (
      insert into thing (resource_id, thing_id, created_at)
      select ${resourceId}::uuid, number, created_at
      from unnest(${sql.types.timestamptzArray(instants.map((at) => new Date(at)))})
        with ordinality as asked (created_at, number)
      returning resource_id, created_at
    ),
    counted as (${countingUsage(db, { rows: 'stored', meter })})
    select from stored
  `
}

/** Deletes things for good, and counts that. */
async function purge(db: Queries, resourceId: string, thingId: number): Promise<void> {
  await db`
    with purged as (
      delete from thing
      where resource_id = ${resourceId}
      and thing_id = ${thingId}
      returning resource_id, created_at
    )
    ${countingPurged(db, { rows: 'purged', meter })}
  `
}

const things: UsageSource = {
  meter,
  async countStored(db, resourceId) {
    const rows = await db<{ readonly hour: Date; readonly quantity: number }[]>`
      select date_trunc('hour', created_at, 'UTC') as hour, count(*)::integer as quantity
      from thing
      where resource_id = ${resourceId}
      group by 1
    `
    return new Map(rows.map((row) => [row.hour.getTime(), row.quantity]))
  },
}

async function usageOf(resourceId: string): Promise<readonly (readonly [number, number])[]> {
  const hours = await listUsage(sql, { ...everything, resourceId })
  return hours.map((hour) => [(hour.hourMs - hourMs) / oneHourMs, hour.quantity] as const)
}

describe('what is stored', () => {
  beforeEach(empty)

  test('is counted by the hour of its own instant, in the same statement', async () => {
    const [one, two] = [newResourceId(), newResourceId()]
    await store(sql, one, [hourMs - 1, hourMs, nowMs, hourMs + oneHourMs - 1, hourMs + oneHourMs])
    await store(sql, two, [nowMs])
    assert.deepEqual(await usageOf(one), [
      [-1, 1],
      [0, 3],
      [1, 1],
    ])
    assert.deepEqual(await usageOf(two), [[0, 1]])
    assert.deepEqual(await differencesOf(sql, one, [things]), [])
  })

  test('adds one record a statement, however many it stores, and none for nothing', async () => {
    const id = newResourceId()
    await store(
      sql,
      id,
      Array.from({ length: 500 }, () => nowMs),
    )
    await store(sql, id, [])
    const records = await sql`select used, purged from usage_record`
    assert.deepEqual([...records], [{ used: 500, purged: 0 }])
  })

  test('is not counted where its transaction is taken back', async () => {
    const id = newResourceId()
    const failed = sql.begin(async (transaction) => {
      await store(transaction, id, [nowMs])
      throw new Error('taken back')
    })
    await assert.rejects(failed, /taken back/)
    assert.deepEqual(await usageOf(id), [])
    assert.deepEqual(await differencesOf(sql, id, [things]), [])
  })

  test('stays charged when it is purged', async () => {
    const id = newResourceId()
    await store(sql, id, [nowMs, nowMs, nowMs + oneHourMs])
    await purge(sql, id, 1)
    await purge(sql, id, 3)
    assert.deepEqual(await usageOf(id), [
      [0, 2],
      [1, 1],
    ])
    assert.deepEqual(await differencesOf(sql, id, [things]), [])
  })

  test('may be counted by itself, in the transaction that stores', async () => {
    const id = newResourceId()
    const seconds = 'call-participant-seconds'
    await sql.begin(async (transaction) => {
      await countUsage(transaction, [
        { resourceId: id, meter: seconds, atMs: nowMs, quantity: 3_000_000_000 },
        { resourceId: id, meter: seconds, atMs: nowMs + 1, quantity: 5 },
        { resourceId: id, meter, atMs: nowMs, quantity: 1 },
      ])
      await countUsage(transaction, [])
      await countPurged(transaction, [{ resourceId: id, meter: seconds, atMs: nowMs, quantity: 5 }])
    })
    const hours = await listUsage(sql, everything)
    assert.deepEqual(hours, [
      { resourceId: id, hourMs, meter: seconds, quantity: 3_000_000_005 },
      { resourceId: id, hourMs, meter, quantity: 1 },
    ])
  })

  test('makes no statement wait for another', async () => {
    const id = newResourceId()
    await sql.begin(async (first) => {
      await store(first, id, [nowMs])
      await sql.begin(async (second) => {
        await second`set local lock_timeout = '1s'`
        await store(second, id, [nowMs])
        await foldRecords(second, id, 10)
      })
    })
    assert.deepEqual(await usageOf(id), [[0, 2]])
  })
})

describe('folding', () => {
  beforeEach(empty)

  test('changes where usage stands, and not what it is', async () => {
    const ids = [newResourceId(), newResourceId(), newResourceId()]
    for (let round = 0; round < 3; round++) {
      for (const id of ids) await store(sql, id, [nowMs, nowMs + oneHourMs])
      await purge(sql, ids[1] ?? '', 1)
      const before = await listUsage(sql, everything)
      assert.deepEqual(await listResourcesWithRecords(sql), ids)
      await foldAll(sql)
      assert.equal((await sql`select from usage_record`).length, 0)
      assert.deepEqual(await listUsage(sql, everything), before)
      assert.equal(before.length, 6)
      assert.equal(before[0]?.quantity, round + 1)
    }
    for (const id of ids) assert.deepEqual(await differencesOf(sql, id, [things]), [])
  })

  test('takes as many records as it is told, and says when there are no more', async () => {
    const id = newResourceId()
    for (let count = 0; count < 5; count++) await store(sql, id, [nowMs])
    const taken = [await foldRecords(sql, id, 3), await foldRecords(sql, id, 3)]
    assert.deepEqual(taken, [3, 2])
    assert.equal(await foldRecords(sql, id, 3), 0)
    assert.deepEqual(await usageOf(id), [[0, 5]])
  })

  test('that is taken back has taken nothing', async () => {
    const id = newResourceId()
    await store(sql, id, [nowMs])
    const failed = sql.begin(async (transaction) => {
      assert.equal(await foldRecords(transaction, id, 10), 1)
      throw new Error('a crash')
    })
    await assert.rejects(failed, /a crash/)
    assert.deepEqual(await usageOf(id), [[0, 1]])
    await foldAll(sql)
    assert.deepEqual(await usageOf(id), [[0, 1]])
  })

  test('passes over what another node is at', async () => {
    const id = newResourceId()
    for (let count = 0; count < 5; count++) await store(sql, id, [nowMs + count * oneHourMs])
    await sql.begin(async (first) => {
      assert.equal(await foldRecords(first, id, 3), 3)
      await sql.begin(async (second) => {
        await second`set local lock_timeout = '1s'`
        assert.equal(await foldRecords(second, id, 10), 2)
      })
    })
    assert.equal((await sql`select from usage_record`).length, 0)
    assert.equal((await usageOf(id)).length, 5)
  })

  test('by two nodes at once folds each record once, and neither waits for ever', async () => {
    const id = newResourceId()
    const hours = Array.from({ length: 20 }, (_, hour) => nowMs + hour * oneHourMs)
    for (let round = 0; round < 40; round++) await store(sql, id, hours)
    const folding = Array.from({ length: 4 }, async () => {
      while ((await foldRecords(sql, id, 7)) > 0) {}
    })
    const reading = async () => {
      for (let round = 0; round < 20; round++) {
        const quantities = (await usageOf(id)).map(([, quantity]) => quantity)
        assert.deepEqual(
          quantities,
          hours.map(() => 40),
        )
      }
    }
    await Promise.all([...folding, reading()])
    await foldAll(sql)
    assert.deepEqual(await differencesOf(sql, id, [things]), [])
  })
})

describe('the comparison', () => {
  beforeEach(empty)

  const spoiled = [
    [
      'a count that is missing',
      (id: string) => sql`
      insert into thing values (${id}, 9, ${new Date(nowMs)})`,
      { counted: 1, stored: 2 },
    ],
    [
      'a count too many',
      (id: string) => countUsage(sql, [{ resourceId: id, meter, atMs: nowMs, quantity: 1 }]),
      { counted: 2, stored: 1 },
    ],
    [
      'a purge that was not counted',
      (id: string) => sql`
      delete from thing where resource_id = ${id}`,
      { counted: 1, stored: 0 },
    ],
  ] as const
  for (const [name, spoil, expected] of spoiled) {
    test(`finds ${name}`, async () => {
      const id = newResourceId()
      await store(sql, id, [nowMs])
      await spoil(id)
      const found = [{ meter, hourMs, ...expected }]
      assert.deepEqual(await differencesOf(sql, id, [things]), found)
      await foldAll(sql)
      assert.deepEqual(await differencesOf(sql, id, [things]), found)
    })
  }
})

describe('a page of usage', () => {
  beforeEach(empty)

  test('follows the one before without gaps, whatever has been folded meanwhile', async () => {
    const ids = [newResourceId(), newResourceId()]
    for (const id of ids) {
      await store(
        sql,
        id,
        [0, 1, 2, 3].map((hour) => nowMs + hour * oneHourMs),
      )
    }
    const all = await listUsage(sql, everything)
    assert.equal(all.length, 8)
    for (const hoursMax of [1, 3, 8]) {
      const pages: (typeof all)[number][] = []
      for (;;) {
        const page = await listUsage(sql, { ...everything, hoursMax, after: pages.at(-1) })
        if (page.length === 0) break
        pages.push(...page)
        await foldRecords(sql, ids[0] ?? '', 1)
      }
      assert.deepEqual(pages, all)
    }
  })

  test('has the hours from one instant to before another, and one meter', async () => {
    const id = newResourceId()
    await store(
      sql,
      id,
      [0, 1, 2, 3].map((hour) => nowMs + hour * oneHourMs),
    )
    const seconds = 'call-participant-seconds'
    await countUsage(sql, [{ resourceId: id, meter: seconds, atMs: nowMs, quantity: 1 }])
    const between = { fromMs: hourMs + oneHourMs, toMs: hourMs + 3 * oneHourMs }
    const hours = await listUsage(sql, { ...everything, ...between })
    assert.deepEqual(
      hours.map((hour) => (hour.hourMs - hourMs) / oneHourMs),
      [1, 2],
    )
    const calls = await listUsage(sql, { ...everything, meter: seconds })
    assert.deepEqual(
      calls.map((hour) => hour.meter),
      [seconds],
    )
  })
})
