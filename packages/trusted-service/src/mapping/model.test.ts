import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mappingMigration, printMigration } from './migrations.ts'
import { checkIdentity, checkPlace, checkUser, type Pattern, retryAfterMs } from './model.ts'

describe('a user id', () => {
  const cases = [
    ['ada', true],
    ['0', true],
    ['zoé@example.org', true],
    ['a'.repeat(191), true],
    ['a'.repeat(192), false],
    ['', false],
    [' ada', false],
    ['ada ', false],
    ['ada\u00a0', false],
    ['a\u0000da', false],
    ['a\nda', false],
    ['\ud800', false],
    ['\ud83d\ude00', true],
  ] as const
  for (const [user, isAccepted] of cases) {
    test(`${isAccepted ? 'is' : 'is not'} ${JSON.stringify(user.slice(0, 20))}`, () => {
      if (isAccepted) assert.equal(checkUser(user), user)
      else assert.throws(() => checkUser(user), TypeError)
    })
  }
})

describe('a slot', () => {
  const cases: readonly (readonly [Pattern, string, boolean])[] = [
    ['one-to-one', '', true],
    ['one-to-one', 'work', false],
    ['many-to-one', 'work', false],
    ['one-to-many', 'work', true],
    ['many-to-many', 'work-2', true],
    ['many-to-many', 'Work', false],
    ['many-to-many', '*x', false],
    ['many-to-many', 'a'.repeat(63), true],
    ['many-to-many', 'a'.repeat(64), false],
  ]
  for (const [pattern, slot, isAccepted] of cases) {
    test(`${isAccepted ? 'is' : 'is not'} "${slot}" in ${pattern}`, () => {
      if (isAccepted) assert.deepEqual(checkPlace(pattern, 'ada', slot), { user: 'ada', slot })
      else assert.throws(() => checkPlace(pattern, 'ada', slot), TypeError)
    })
  }
})

describe('an identity', () => {
  const names = ['', 'ada', '8:', '28:orgid:x', "8:acs:a'b", `8:${'a'.repeat(251)}`]
  for (const name of names) {
    test(`is not "${name.slice(0, 20)}"`, () => {
      assert.throws(() => checkIdentity(name), TypeError)
    })
  }

  test('is what services issue', () => {
    const name = '8:acs:0f7cdfa8-9d5a-4a2e-8d6a-3b0e6d6d8a11_00000000-0000-7000-8000-000000000001'
    assert.equal(checkIdentity(name), name)
  })
})

test('a debt is tried again after 1, 2, 4 seconds, and every hour in the end', () => {
  assert.deepEqual(
    [1, 2, 3, 12, 13, 1000].map(retryAfterMs),
    [1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000],
  )
})

describe('a migration', () => {
  const column = { table: 'app.users', idColumn: 'id', column: 'acs_identity' } as const

  test('makes the identity of a link unique where users do not share', () => {
    const linesOf = (pattern: Pattern) =>
      mappingMigration({ dialect: 'postgresql', pattern }).up.filter((text) =>
        text.includes('parley_link_identity'),
      )
    const [own, shared] = [linesOf('one-to-many'), linesOf('many-to-many')]
    assert.deepEqual(own, ['create unique index parley_link_identity on parley_link (identity_id)'])
    assert.deepEqual(shared, ['create index parley_link_identity on parley_link (identity_id)'])
  })

  test('adds a column to the table of the app', () => {
    const { up, down } = printMigration({ dialect: 'mysql', pattern: 'one-to-one', column })
    assert.match(up, /alter table app\.users add column acs_identity varchar\(255\)/)
    assert.match(up, /create unique index users_acs_identity on app\.users \(acs_identity\);\n/)
    assert.match(down, /drop index users_acs_identity on app\.users;\n/)
    assert.equal(/parley_link/.test(up), false)
  })

  test('refuses a column for identities in slots, and names that need quotes', () => {
    const options = { dialect: 'sqlite', pattern: 'one-to-many', column } as const
    assert.throws(() => mappingMigration(options), TypeError)
    const quoted = { ...column, column: 'acs identity' }
    assert.throws(
      () => mappingMigration({ dialect: 'sqlite', pattern: 'one-to-one', column: quoted }),
      TypeError,
    )
  })
})
