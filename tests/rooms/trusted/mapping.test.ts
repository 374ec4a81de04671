/**
 * The mapping on every database it speaks, against a real server through the official client.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { createTokenCache, sqlStore } from '@parley/trusted-service'
import { sql } from 'kysely'
import { atOnce, issueToken, liveness } from '../../calls.ts'
import { type App, crash, dying, identityOf, openApp, rowCounts } from './app.ts'
import { type DatabaseKind, databaseKinds } from './databases.ts'

for (const kind of databaseKinds) {
  describe(`a mapping in ${kind.dialect}`, { skip: kind.skip }, () => {
    describe('one-to-one', () => specifyOneToOne(kind))
    describe('links by hand', () => specifyLinks(kind))
    describe('one-to-many', () => specifySlots(kind))
    describe('many-to-many', () => specifySharing(kind))
    describe('many-to-one in a column of the app', () => specifyColumn(kind))
    describe('visitors', () => specifyVisitors(kind))
    describe('erasure', () => specifyErasure(kind))
  })
}

function specifyOneToOne(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'one-to-one')
  })

  test('makes one identity for a thousand who ask at once in four processes', async () => {
    const processes = [1, 2, 3, 4].map(() => app.mapping())
    const verdicts = await atOnce(1000, (index) =>
      (processes[index % 4] ?? app.mapping()).identityFor('ada'),
    )
    const names = new Set(
      verdicts.map((verdict) => (verdict.ok ? verdict.identity : verdict.reason)),
    )
    assert.deepEqual([...names], await app.service.identities())
    assert.equal(verdicts.filter((verdict) => verdict.ok && verdict.isNew).length, 1)
    assert.deepEqual(await rowCounts(app.db), [1, 1, 0])
  })

  test('keeps users apart that a collation takes for the same', async () => {
    const mapping = app.mapping()
    const names = await Promise.all(
      ['zoe', 'Zoe', 'zoé', 'ZOE'].map((user) => identityOf(mapping, user)),
    )
    assert.equal(new Set(names).size, 4)
    assert.deepEqual(await mapping.usersOf(names[1] ?? ''), [
      { user: 'Zoe', slot: '', identity: names[1] },
    ])
  })
}

function specifyLinks(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'one-to-one')
  })

  test('refuses a second user of an identity and a second identity of a user', async () => {
    const mapping = app.mapping()
    const identity = await identityOf(mapping, 'one')
    const other = await identityOf(mapping, 'two')
    assert.deepEqual(await mapping.link({ user: 'three', identity }), {
      ok: false,
      reason: 'not-shared',
    })
    const spare = (await app.service.client.createUser()).communicationUserId
    assert.deepEqual(await mapping.link({ user: 'one', identity: spare }), {
      ok: false,
      reason: 'occupied',
    })
    assert.deepEqual(await mapping.link({ user: 'one', identity }), { ok: true })
    assert.equal(await mapping.findIdentity('two'), other)
  })

  test('adopts an identity that the app brings along', async () => {
    const mapping = app.mapping()
    const identity = (await app.service.client.createUser()).communicationUserId
    assert.deepEqual(await mapping.link({ user: 'newcomer', identity }), { ok: true })
    assert.deepEqual(await mapping.identityFor('newcomer'), { ok: true, identity, isNew: false })
  })

  test('deletes an identity that is unlinked, unless it is kept', async () => {
    const mapping = app.mapping()
    const [gone, kept] = [await identityOf(mapping, 'gone'), await identityOf(mapping, 'kept')]
    assert.equal(await mapping.unlink({ user: 'gone', identity: gone }), true)
    assert.equal(await mapping.unlink({ user: 'gone', identity: gone }), false)
    assert.equal(await mapping.unlink({ user: 'kept', identity: kept, isKept: true }), true)
    const left = await app.service.identities()
    assert.deepEqual([left.includes(gone), left.includes(kept)], [false, true])
    assert.deepEqual(await mapping.link({ user: 'heir', identity: kept }), { ok: true })
  })
}

function specifySlots(kind: DatabaseKind): void {
  test('gives a user an identity for each slot and erases them all', async () => {
    const app = await openApp(kind, 'one-to-many')
    const mapping = app.mapping()
    const names = [
      await identityOf(mapping, 'ada'),
      await identityOf(mapping, 'ada', 'work'),
      await identityOf(mapping, 'ada', 'home'),
    ]
    assert.equal(new Set(names).size, 3)
    assert.deepEqual(await mapping.identitiesOf('ada'), [
      { user: 'ada', slot: '', identity: names[0] },
      { user: 'ada', slot: 'home', identity: names[2] },
      { user: 'ada', slot: 'work', identity: names[1] },
    ])
    const identity = names[1] ?? ''
    const refused = { ok: false, reason: 'not-shared' }
    assert.deepEqual(await mapping.link({ user: 'bob', slot: 'work', identity }), refused)
    const receipt = await mapping.forget('ada')
    assert.deepEqual([...receipt.deleted].sort(), [...names].sort())
    assert.deepEqual(await app.service.identities(), [])
    assert.deepEqual(await rowCounts(app.db), [0, 0, 0])
  })
}

function specifySharing(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'many-to-many')
  })

  test('lists both ways', async () => {
    const mapping = app.mapping()
    const desk = await identityOf(mapping, 'desk')
    await mapping.link({ user: 'ada', slot: 'desk', identity: desk })
    await mapping.link({ user: 'bob', slot: 'desk', identity: desk })
    const own = await identityOf(mapping, 'ada')
    assert.deepEqual(await mapping.usersOf(desk), [
      { user: 'ada', slot: 'desk', identity: desk },
      { user: 'bob', slot: 'desk', identity: desk },
      { user: 'desk', slot: '', identity: desk },
    ])
    assert.deepEqual(await mapping.identitiesOf('ada'), [
      { user: 'ada', slot: '', identity: own },
      { user: 'ada', slot: 'desk', identity: desk },
    ])
  })

  test('the last of many who are forgotten at once takes the identity along', async () => {
    const mapping = app.mapping()
    const identity = await identityOf(mapping, 'user-0')
    for (let index = 1; index < 12; index += 1) {
      assert.deepEqual(await mapping.link({ user: `user-${index}`, identity }), { ok: true })
    }
    const receipts = await atOnce(12, (index) => app.mapping().forget(`user-${index}`))
    assert.equal(receipts.filter(({ deleted }) => deleted.length === 1).length, 1)
    await mapping.sweep()
    assert.equal((await app.service.identities()).includes(identity), false)
    assert.deepEqual(await mapping.usersOf(identity), [])
  })

  test('linking and forgetting at once never leaves a link to a deleted identity', async () => {
    const mapping = app.mapping()
    for (let round = 0; round < 8; round += 1) {
      const identity = await identityOf(mapping, `leaver-${round}`)
      const [verdict] = await Promise.all([
        app.mapping().link({ user: `joiner-${round}`, identity }),
        app.mapping().forget(`leaver-${round}`),
      ])
      await mapping.sweep()
      const isThere = (await app.service.identities()).includes(identity)
      assert.equal(isThere, verdict.ok)
      assert.equal(await mapping.findIdentity(`joiner-${round}`), verdict.ok ? identity : undefined)
    }
  })
}

const column = { table: 'users', idColumn: 'id', column: 'acs_identity', ids: 'number' } as const

function specifyColumn(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'many-to-one', { column })
  })

  test('keeps the identity in the users table', async () => {
    const mapping = app.mapping()
    const names = await atOnce(12, () => identityOf(app.mapping(), '1'))
    assert.equal(new Set(names).size, 1)
    assert.deepEqual(await mapping.link({ user: '2', identity: names[0] ?? '' }), { ok: true })
    const { rows } = await sql`select id, acs_identity from users order by id`.execute(app.db)
    assert.deepEqual(
      rows.map((row) => Object.values(row as object).map(String)),
      [
        ['1', names[0]],
        ['2', names[0]],
        ['7', 'null'],
      ],
    )
    assert.deepEqual(await mapping.usersOf(names[0] ?? ''), [
      { user: '1', slot: '', identity: names[0] },
      { user: '2', slot: '', identity: names[0] },
    ])
  })

  test('knows nobody who is not in the table, and creates nothing for him', async () => {
    const mapping = app.mapping()
    const before = await app.service.identities()
    for (const user of ['9', '7x', '07', '7.0', "7' or 1=1"]) {
      assert.deepEqual(await mapping.identityFor(user), { ok: false, reason: 'no-user' })
    }
    assert.deepEqual(await app.service.identities(), before)
  })

  test('unlinks one of two users, and deletes with the second', async () => {
    const mapping = app.mapping()
    const identity = await identityOf(mapping, '1')
    const first = await mapping.forget('1')
    assert.deepEqual([first.deleted, first.unlinked], [[], [identity]])
    const second = await mapping.forget('2')
    assert.deepEqual([second.deleted, second.unlinked], [[identity], []])
    assert.equal((await app.service.identities()).includes(identity), false)
  })
}

function specifyVisitors(kind: DatabaseKind): void {
  test('get an identity each, removed when the visit is over or ends', async () => {
    const app = await openApp(kind, 'one-to-one')
    let nowMs = 1_000_000
    const mapping = app.mapping({ now: () => nowMs })
    const visitors = await atOnce(4, async () => {
      const verdict = await mapping.createVisitor(30)
      assert.ok(verdict.ok)
      return verdict.identity
    })
    const [member = '', ended = '', ...over] = visitors
    assert.deepEqual(await mapping.findVisitor(ended), { expiresAtMs: nowMs + 1_800_000 })
    assert.deepEqual(await mapping.link({ user: 'signed-up', identity: member }), { ok: true })
    assert.deepEqual([await mapping.endVisit(ended), await mapping.endVisit(member)], [true, true])
    assert.equal(await mapping.findVisitor(ended), undefined)
    nowMs += 1_799_999
    assert.equal((await mapping.removeExpiredVisitors()).expired, 0)
    nowMs += 1
    assert.equal(await mapping.findVisitor(over[0] ?? ''), undefined)
    assert.equal((await mapping.removeExpiredVisitors()).deleted, 2)
    assert.deepEqual(await app.service.identities(), [member])
    assert.equal(await mapping.findIdentity('signed-up'), member)
  })
}

function specifyErasure(kind: DatabaseKind): void {
  let app: App
  before(async () => {
    app = await openApp(kind, 'many-to-many')
  })

  test('voids what the user holds, deletes his own identity and unlinks a shared one', async () => {
    const voided: string[] = []
    const onVoided = async (identity: string) => void voided.push(identity)
    const mapping = app.mapping({ onVoided })
    const own = await identityOf(mapping, 'ada')
    const shared = await identityOf(mapping, 'bob')
    await mapping.link({ user: 'ada', slot: 'shared', identity: shared })
    const { tenant } = app.service
    const tokens = [await issueToken(tenant, own), await issueToken(tenant, shared)]
    const receipt = await mapping.forget('ada')
    assert.deepEqual(
      [receipt.deleted, receipt.unlinked, receipt.pending, receipt.isComplete],
      [[own], [shared], [], true],
    )
    assert.deepEqual(await liveness(tenant, tokens), [false, false])
    assert.deepEqual(voided.sort(), [own, shared].sort())
    assert.equal(await mapping.findIdentity('bob'), shared)
    const again = await mapping.forget('ada')
    assert.deepEqual([again.deleted, again.unlinked, again.isComplete], [[], [], true])
  })

  test('unlinks at once when the service is away, and finishes when it is back', async () => {
    const own = await identityOf(app.mapping(), 'eve')
    let nowMs = 1_000_000
    const now = () => nowMs
    const service = dying(app.service.client, { before: crash })
    const receipt = await app.mapping({ now, service }).forget('eve')
    assert.deepEqual([receipt.pending, receipt.isComplete], [[own], false])
    assert.equal(await app.mapping().findIdentity('eve'), undefined)
    const leaving = await app.mapping({ now }).link({ user: 'mallory', identity: own })
    assert.deepEqual(leaving, { ok: false, reason: 'leaving' })
    assert.equal((await app.mapping({ now }).sweep()).deleted, 0)
    nowMs += 1000
    assert.equal((await app.mapping({ now }).sweep()).deleted, 1)
    assert.equal((await app.service.identities()).includes(own), false)
  })

  test('is finished by the same call again after a crash at the service', async () => {
    const own = await identityOf(app.mapping(), 'dan')
    const service = dying(app.service.client, { after: crash })
    assert.deepEqual((await app.mapping({ service }).forget('dan')).pending, [own])
    const { deleted, isComplete } = await app.mapping().forget('dan')
    assert.deepEqual([deleted, isComplete], [[own], true])
  })
}

describe('a mapping in a schema of the app', () => {
  test('is found there, cache included', async () => {
    const kind = databaseKinds.find(({ dialect }) => dialect === 'postgresql')
    assert.ok(kind !== undefined)
    const { dialect } = kind
    const { db, service, mapping } = await openApp(kind, 'one-to-one', {}, { tokenCache: true })
    await sql`create schema hidden`.execute(db)
    for (const table of ['identity', 'link', 'reservation', 'token']) {
      await sql.raw(`alter table parley_${table} set schema hidden`).execute(db)
    }
    const there = mapping({ db: db.withSchema('hidden') })
    const identity = await identityOf(there, 'ada')
    const store = sqlStore({ db: db.withSchema('hidden'), dialect })
    const secrets = [{ id: 'one', secret: randomBytes(32) }]
    const onFault = (error: unknown) => assert.fail(String(error))
    const cache = createTokenCache({ service: service.client, store, secrets, onFault })
    const request = { identity, scopes: ['chat'], lifetimeMinutes: 60 } as const
    assert.deepEqual(await cache.tokenFor(request), await cache.tokenFor(request))
    assert.deepEqual((await there.forget('ada')).deleted, [identity])
    assert.deepEqual(await service.identities(), [])
  })
})
