import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Access } from '../contract/operation.ts'
import type { Role } from '../foundation/role.ts'
import { isAllowed } from './roles.ts'

describe('a role', () => {
  const kinds: readonly Access[] = ['resource', 'administrator', 'reader', 'entra-user', 'public']
  const allowed: Readonly<Record<Role, readonly Access[]>> = {
    administrator: ['resource', 'administrator', 'reader'],
    owner: ['resource'],
    contributor: ['resource'],
    reader: ['reader'],
  }
  for (const [role, allows] of Object.entries(allowed) as [Role, readonly Access[]][]) {
    test(`of ${role} allows ${allows.join(', ')} and nothing else`, () => {
      const held = [{ role, place: '' }]
      assert.deepEqual(
        kinds.filter((access) => isAllowed(held, access, '/subscriptions/s1')),
        kinds.filter((access) => allows.includes(access)),
      )
    })
  }

  const group = '/subscriptions/s1/resourceGroups/g1'
  const places: readonly (readonly [string, string, boolean])[] = [
    ['', group, true],
    ['', '', true],
    ['/subscriptions/s1', group, true],
    ['/subscriptions/s1', '/subscriptions/s1', true],
    ['/subscriptions/s1', '/SUBSCRIPTIONS/S1/x', true],
    ['/subscriptions/s1/resourcegroups/g1', group, true],
    ['/subscriptions/s1', '/subscriptions/s10', false],
    ['/subscriptions/s1', '/subscriptions', false],
    ['/subscriptions/s1', '', false],
    [group.toLowerCase(), '/subscriptions/s1', false],
    [group.toLowerCase(), '/subscriptions/s1/resourceGroups/g10', false],
    ['/subscriptions/s2', group, false],
  ]
  for (const [place, asked, holds] of places) {
    test(`at "${place}" ${holds ? 'holds' : 'does not hold'} at "${asked}"`, () => {
      assert.equal(isAllowed([{ role: 'administrator', place }], 'administrator', asked), holds)
    })
  }

  test('beside others is enough, and none is not', () => {
    const held = [
      { role: 'reader', place: '' },
      { role: 'owner', place: '/subscriptions/s1' },
    ] as const
    assert.equal(isAllowed(held, 'resource', '/subscriptions/s1/x'), true)
    assert.equal(isAllowed(held, 'resource', '/subscriptions/s2/x'), false)
    assert.equal(isAllowed([], 'reader', ''), false)
  })
})
