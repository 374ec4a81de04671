/**
 * What the doctor finds between a mapping and the service, and what is left after the repair.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Finding } from '@parley/trusted-service'
import { sql } from 'kysely'
import { type App, identityOf, openApp } from './app.ts'
import { type DatabaseKind, databaseKinds } from './databases.ts'

for (const kind of databaseKinds) {
  describe(`the doctor in ${kind.dialect}`, { skip: kind.skip }, () => {
    test('finds dead links, orphans and strays, and mends them', () => mendsAll(kind))
    test('finds what was written into a column by hand', () => findsColumn(kind))
    test('walks through more links than a page holds', () => walksFar(kind))
  })
}

async function examined(app: App, all: readonly string[] = []): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for await (const finding of app.mapping().examine({ all })) findings.push(finding)
  return findings
}

async function mendsAll(kind: DatabaseKind): Promise<void> {
  const app = await openApp(kind, 'one-to-many')
  const { client, identities } = app.service
  const mapping = app.mapping()
  const [dead, orphan] = [await identityOf(mapping, 'dead'), await identityOf(mapping, 'orphan')]
  const fine = await identityOf(mapping, 'fine', 'work')
  const visitor = await mapping.createVisitor()
  const stray = (await client.createUser()).communicationUserId
  await client.deleteUser({ communicationUserId: dead })
  await sql`delete from parley_link where user_id = 'orphan'`.execute(app.db)
  const findings = await examined(app, await identities())
  assert.deepEqual(findings, [
    { kind: 'dead-link', link: { user: 'dead', slot: '', identity: dead } },
    { kind: 'orphan', identity: orphan },
    { kind: 'stray', identity: stray },
  ])
  for (const finding of findings) assert.equal(await mapping.repair(finding), true)
  for (const finding of findings) assert.equal(await mapping.repair(finding), false)
  assert.deepEqual(await examined(app, await identities()), [])
  assert.deepEqual(await identities(), [fine, visitor.ok ? visitor.identity : ''].sort())
  const link = { user: 'fine', slot: 'work', identity: fine }
  assert.equal(await mapping.repair({ kind: 'dead-link', link }), false)
  assert.equal(await mapping.repair({ kind: 'stray', identity: fine }), false)
  assert.equal(await mapping.findIdentity('fine', 'work'), fine)
}

async function findsColumn(kind: DatabaseKind): Promise<void> {
  const ids = 'number'
  const column = { table: 'users', idColumn: 'id', column: 'acs_identity', ids } as const
  const app = await openApp(kind, 'one-to-one', { column })
  // As after a restored backup: the column is there, its index is not.
  const on = kind.dialect === 'mysql' ? ' on users' : ''
  await sql.raw(`drop index users_acs_identity${on}`).execute(app.db)
  const identity = (await app.service.client.createUser()).communicationUserId
  await sql`update users set acs_identity = ${identity} where id in (1, 7)`.execute(app.db)
  const links = ['1', '7'].map((user) => ({ user, slot: '', identity }))
  const [one, seven] = links
  const double = { kind: 'double', identity, links } as const
  assert.deepEqual(await examined(app), [
    { kind: 'unrecorded', link: one },
    double,
    { kind: 'unrecorded', link: seven },
  ])
  assert.ok(one !== undefined)
  assert.equal(await app.mapping().repair({ kind: 'unrecorded', link: one }), true)
  assert.equal(await app.mapping().repair(double), false)
  assert.deepEqual(await examined(app), [double])
}

async function walksFar(kind: DatabaseKind): Promise<void> {
  const app = await openApp(kind, 'many-to-many')
  const mapping = app.mapping()
  const identity = await identityOf(mapping, 'user-0')
  const count = 430
  const rows = Array.from({ length: count }, (_, index) => ({
    user_id: `user-${index % 5}`,
    slot: `slot-${index}`,
    identity_id: index % 2 === 0 ? identity : `${identity}${index}`,
    linked_at_ms: 0,
  }))
  await app.db.insertInto('parley_link').values(rows).execute()
  const asked: string[] = []
  const isThere = async (name: string) => {
    asked.push(name)
    return true
  }
  const findings: Finding[] = []
  for await (const finding of mapping.examine({ isThere })) findings.push(finding)
  assert.deepEqual([asked.length, new Set(asked).size], [count + 1, count / 2 + 1])
  assert.equal(findings.length, count / 2)
}
