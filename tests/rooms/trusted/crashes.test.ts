/**
 * What a crash, an absent service or an absent database leaves of a creation, and who clears it.
 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Mapping } from '@parley/trusted-service'
import { sql } from 'kysely'
import { atOnce } from '../../calls.ts'
import { type App, crash, dying, identityOf, openApp, rowCounts } from './app.ts'
import { type DatabaseKind, databaseKinds, openSqliteFile } from './databases.ts'

for (const kind of databaseKinds) {
  describe(`a creation in ${kind.dialect}`, { skip: kind.skip }, () => {
    describe('that is disturbed', () => specifyDisturbed(kind))
    describe('that is cut off', () => specifyCutOff(kind))
    describe('that can be repeated', () => specifyCustomIds(kind))
  })
}

function specifyDisturbed(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'one-to-one')
  })

  test('a service that is away is a verdict, and the next call succeeds', async () => {
    const service = dying(app.service.client, { before: crash })
    const verdict = await app.mapping({ service }).identityFor('first')
    assert.equal(verdict.ok === false && verdict.reason, 'service-failed')
    assert.equal((await app.mapping().identityFor('first')).ok, true)
  })

  test('a holder who sleeps too long is overtaken, and what he made is deleted', async () => {
    let nowMs = 1_000_000
    const now = () => nowMs
    const service = dying(app.service.client, {
      after: async () => {
        nowMs += 60_000
        overtaker = await app.mapping({ now }).identityFor('sleeper')
      },
    })
    let overtaker: Awaited<ReturnType<Mapping['identityFor']>> | undefined
    const verdict = await app.mapping({ now, service }).identityFor('sleeper')
    assert.deepEqual(overtaker?.ok === true && overtaker.isNew, true)
    assert.deepEqual(verdict, { ...overtaker, isNew: false })
    assert.equal((await app.mapping({ now }).sweep()).deleted, 1)
    assert.deepEqual(
      await app.service.identities(),
      [await identityOf(app.mapping(), 'first'), await identityOf(app.mapping(), 'sleeper')].sort(),
    )
  })

  test('a user who is forgotten while he is created leaves nothing behind', async () => {
    const before = await app.service.identities()
    let early: readonly string[] | undefined
    const service = dying(app.service.client, {
      after: async () => {
        if (early !== undefined) return
        early = await app.service.identities()
        await app.mapping().forget('fleeting')
      },
    })
    const verdict = await app.mapping({ service }).identityFor('fleeting')
    // What was made before he was forgotten is not given to who asks again.
    assert.ok(verdict.ok && early?.length === before.length + 1)
    assert.equal(early.includes(verdict.identity), false)
    await app.mapping().sweep()
    assert.deepEqual(await app.service.identities(), [...before, verdict.identity].sort())
    await app.mapping().forget('fleeting')
    assert.deepEqual(await app.service.identities(), before)
  })
}

function specifyCutOff(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'one-to-one')
  })

  test('without customId a crash after creating is reported as uncertain', async () => {
    let nowMs = 1_000_000
    const hanging = dying(app.service.client, { after: () => new Promise(() => undefined) })
    const mapping = app.mapping({ now: () => nowMs, service: hanging })
    const before = await app.service.identities()
    void mapping.identityFor('lost')
    while ((await app.service.identities()).length === before.length) await Promise.resolve()
    nowMs += 60_001
    const { uncertain } = await app.mapping({ now: () => nowMs }).sweep()
    assert.equal(uncertain, 1)
    assert.deepEqual((await rowCounts(app.db))[2], 0)
  })

  test('a database that fails after creating leaves no identity behind', async () => {
    const before = await app.service.identities()
    const rename = (from: string, to: string) =>
      sql.raw(`alter table ${from} rename to ${to}`).execute(app.db)
    let isThere = true
    const service = dying(app.service.client, {
      after: async () => {
        if (isThere) await rename('parley_identity', 'parley_hidden')
        isThere = false
      },
    })
    const mapping = app.mapping({ service })
    await assert.rejects(mapping.identityFor('unlucky'))
    await rename('parley_hidden', 'parley_identity')
    assert.equal((await app.service.identities()).length, before.length + 1)
    assert.equal((await mapping.sweep()).deleted, 1)
    assert.deepEqual(await app.service.identities(), before)
  })
}

function specifyCustomIds(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'one-to-one')
  })

  test('with customId a crash after creating loses nothing', async () => {
    let nowMs = 1_000_000
    const now = () => nowMs
    const before = await app.service.identities()
    const hanging = dying(app.service.client, { after: () => new Promise(() => undefined) })
    const crashed = app.mapping({ now, customIds: true, service: hanging })
    void crashed.identityFor('found')
    void crashed.identityFor('abandoned')
    while ((await app.service.identities()).length < before.length + 2) await Promise.resolve()
    nowMs += 60_001
    const after = await app.service.identities()
    const found = await identityOf(app.mapping({ now, customIds: true }), 'found')
    assert.ok(after.includes(found) && !before.includes(found))
    const swept = await app.mapping({ now, customIds: true }).sweep()
    assert.deepEqual([swept.deleted, swept.uncertain], [1, 0])
    assert.deepEqual(await app.service.identities(), [...before, found].sort())
  })

  test('with customId a user who is forgotten after a crash leaves nothing', async () => {
    let nowMs = 1_000_000
    const now = () => nowMs
    const before = await app.service.identities()
    const hanging = dying(app.service.client, { after: () => new Promise(() => undefined) })
    void app.mapping({ now, customIds: true, service: hanging }).identityFor('ghost')
    while ((await app.service.identities()).length === before.length) await Promise.resolve()
    const mapping = app.mapping({ now, customIds: true })
    await mapping.forget('ghost')
    nowMs += 30_000
    assert.equal((await mapping.sweep()).deleted, 0)
    nowMs += 1
    assert.equal((await mapping.sweep()).deleted, 1)
    assert.deepEqual(await app.service.identities(), before)
    assert.equal((await rowCounts(app.db))[2], 0)
  })

  test('with customId who wakes up after the sweep leaves nothing either', async () => {
    let nowMs = 1_000_000
    const now = () => nowMs
    const before = await app.service.identities()
    let isAsleep = true
    const service = dying(app.service.client, {
      after: async () => {
        if (!isAsleep) return
        isAsleep = false
        nowMs += 60_001
        await app.mapping({ now, customIds: true }).sweep()
      },
    })
    const identity = await identityOf(app.mapping({ now, customIds: true, service }), 'late')
    await app.mapping({ now, customIds: true }).sweep()
    assert.deepEqual(await app.service.identities(), [...before, identity].sort())
  })
}

describe('two processes on one file of SQLite', () => {
  test('make one identity, whoever comes first', async () => {
    const [kind] = databaseKinds
    assert.ok(kind !== undefined)
    const { db, service, mapping } = await openApp(kind, 'one-to-one')
    const { rows } = await sql<{ file: string }>`pragma database_list`.execute(db)
    const other = openSqliteFile(rows[0]?.file ?? '')
    const verdicts = await atOnce(40, (index) =>
      mapping(index % 2 === 0 ? {} : { db: other }).identityFor(`user-${index % 4 < 2 ? 0 : 1}`),
    )
    const names = verdicts.map((verdict) => (verdict.ok ? verdict.identity : verdict.reason))
    assert.deepEqual([...new Set(names)].sort(), await service.identities())
    assert.equal(new Set(names).size, 2)
  })
})
