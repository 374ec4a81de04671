import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import {
  type AssignmentPatch,
  type AssignmentRequest,
  readAssignment,
  readAssignmentPatch,
} from './assignment-request.ts'

const tenantId = '11111111-1111-4111-8111-aaaaaaaaaaaa'
const objectId = '22222222-2222-4222-8222-bbbbbbbbbbbb'
const clientId = '44444444-4444-4444-8444-dddddddddddd'

const asked = {
  family: 'entra',
  tenantId,
  objectId,
  principalType: 'user',
  clientIds: [clientId],
} as const

const asStored = { ...asked, principalType: 'user' }

/** The field that a request is refused for. */
function faultOf(changes: Partial<AssignmentRequest>, within?: string): string | undefined {
  const read = readAssignment({ ...asked, ...changes }, within)
  return read.ok ? undefined : read.fault.details[0]?.field
}

describe('a request for an assignment', () => {
  const principals: readonly (readonly [
    AssignmentRequest['family'],
    string,
    string | undefined,
  ])[] = [
    ['entra', 'user', 'user'],
    ['entra', 'User', 'user'],
    ['entra', 'GROUP', 'group'],
    ['entra', 'resourceAccount', undefined],
    ['entra', 'teamsResourceAccount', undefined],
    ['entra', '', undefined],
    ['entra', 'constructor', undefined],
    ['teamsExtension', 'resourceAccount', 'resourceAccount'],
    ['teamsExtension', 'teamsResourceAccount', 'resourceAccount'],
    ['teamsExtension', 'TEAMSRESOURCEACCOUNT', 'resourceAccount'],
    ['teamsExtension', 'User', 'user'],
    ['teamsExtension', 'group', undefined],
    ['teamsExtension', 'tenant', undefined],
  ]
  for (const [family, principalType, known] of principals) {
    test(`of ${family} for ${principalType || 'nobody'} is for ${known ?? 'no principal'}`, () => {
      const read = readAssignment({ ...asked, family, principalType })
      if (known === undefined) assert.equal(faultOf({ family, principalType }), 'principalType')
      else assert.deepEqual(read, ok({ ...asked, family, principalType: known }))
    })
  }

  test('of a tenant names the tenant twice', () => {
    const tenant = { principalType: 'tenant', objectId: tenantId.toUpperCase() }
    const expected = { ...asStored, principalType: 'tenant', objectId: tenantId }
    assert.deepEqual(readAssignment({ ...asked, ...tenant }), ok(expected))
    assert.equal(faultOf({ ...tenant, objectId }), 'objectId')
  })

  test('is read with its ids as they are compared, each application once', () => {
    const clientIds = [clientId, 'An App', clientId.toUpperCase()]
    const capitals = { tenantId: tenantId.toUpperCase(), objectId: objectId.toUpperCase() }
    const expected = { ...asStored, clientIds: [clientId, 'An App'] }
    assert.deepEqual(readAssignment({ ...asked, ...capitals, clientIds }), ok(expected))
  })

  for (const clientIds of [undefined, null, []]) {
    test(`names no application by ${JSON.stringify(clientIds)}`, () => {
      const read = readAssignment({ ...asked, clientIds })
      assert.deepEqual(read, ok({ ...asStored, clientIds: [] }))
    })
  }

  const { clientIdsMax, directoryIdCharactersMax } = serverLimits
  const apps = (count: number) => Array.from({ length: count }, (_, index) => `app-${index}`)
  const boundaries: readonly (readonly [string, Partial<AssignmentRequest>, string | undefined])[] =
    [
      ['the most applications', { clientIds: apps(clientIdsMax) }, undefined],
      ['one application too many', { clientIds: apps(clientIdsMax + 1) }, 'clientIds'],
      ['an empty application', { clientIds: [''] }, 'clientIds'],
      ['an application with a NUL', { clientIds: ['a\0'] }, 'clientIds'],
      ['the longest person', { objectId: 'x'.repeat(directoryIdCharactersMax) }, undefined],
      ['too long a person', { objectId: 'x'.repeat(directoryIdCharactersMax + 1) }, 'objectId'],
      ['no person', { objectId: '' }, 'objectId'],
      ['no tenant', { tenantId: '' }, 'tenantId'],
      ['a tenant with a line break', { tenantId: 'a\nb' }, 'tenantId'],
    ]
  for (const [what, changes, field] of boundaries) {
    test(`with ${what} is ${field === undefined ? 'good' : `refused for ${field}`}`, () => {
      assert.equal(faultOf(changes), field)
    })
  }
})

describe('a patch of assignments', () => {
  const member = { tenantId, principalType: 'user', clientIds: [clientId] }

  test('names what is put and what is removed', () => {
    const patch = { [objectId.toUpperCase()]: member, gone: null }
    const put = [{ ...asStored, objectId }]
    assert.deepEqual(readAssignmentPatch(patch), ok({ objectIds: [objectId, 'gone'], put }))
  })

  test('of nothing changes nothing', () => {
    assert.deepEqual(readAssignmentPatch({}), ok({ objectIds: [], put: [] }))
  })

  test('passes over the removal of what nothing is called', () => {
    const patch = { '': null, 'a\0': null }
    assert.deepEqual(readAssignmentPatch(patch), ok({ objectIds: [], put: [] }))
  })

  const refused: readonly (readonly [string, AssignmentPatch, string])[] = [
    [
      'an object twice',
      { [objectId]: null, [objectId.toUpperCase()]: member },
      objectId.toUpperCase(),
    ],
    ['an object without a name', { '': member }, 'objectId'],
    ['a wrong principal', { ann: { ...member, principalType: 'x' } }, 'ann.principalType'],
    ['a wrong tenant', { ann: { ...member, tenantId: '' } }, 'ann.tenantId'],
  ]
  for (const [what, patch, field] of refused) {
    test(`with ${what} is refused as a whole`, () => {
      const read = readAssignmentPatch(patch)
      assert.equal(read.ok ? undefined : read.fault.details[0]?.field, field)
    })
  }
})
