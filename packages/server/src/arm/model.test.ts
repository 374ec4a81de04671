import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ApiVersion } from '../contract/versions.ts'
import { defaultSettings, type StoredResource } from '../resources/model.ts'
import { type ResourceDocument, resourceAfterPatch, resourceAfterPut } from './model.ts'

const newest = '2025-09-01'
const existing: StoredResource = {
  ...defaultSettings,
  resourceId: 'r',
  subscriptionId: 's',
  resourceGroup: 'g',
  name: 'n',
  dataLocation: 'Europe',
  isSubscriptionEnabled: true,
  createdBy: 'a',
  createdAtMs: 1,
  updatedBy: 'a',
  updatedAtMs: 1,
  location: 'global',
  tags: { a: '1', b: '2' },
  managedIdentity: { type: 'UserAssigned', userAssignedIdentities: { x: {}, y: {} } },
  linkedDomains: ['d'],
  notificationHubId: 'hub',
  publicNetworkAccess: 'Disabled',
  isLocalAuthDisabled: true,
}

function put(before: StoredResource | undefined, document: ResourceDocument, version?: ApiVersion) {
  return resourceAfterPut(before, document, version ?? newest)
}

function patched(document: ResourceDocument, version: ApiVersion = newest) {
  const after = resourceAfterPatch(existing, document, version)
  assert.ok(after.ok, JSON.stringify(after))
  return after.value.settings
}

function settingsAfterPut(document: ResourceDocument, version?: ApiVersion) {
  const after = put(existing, document, version)
  assert.ok(after.ok, JSON.stringify(after))
  return after.value.settings
}

function fieldOf(result: ReturnType<typeof put>) {
  assert.ok(!result.ok && result.fault.kind === 'body-invalid')
  return result.fault.details[0]?.field
}

const { location, tags, managedIdentity, linkedDomains, notificationHubId } = existing
const { publicNetworkAccess, isLocalAuthDisabled } = existing
const unchanged = {
  location,
  tags,
  managedIdentity,
  linkedDomains,
  notificationHubId,
  publicNetworkAccess,
  isLocalAuthDisabled,
}

describe('a new resource', () => {
  test('has what is given, and otherwise the defaults', () => {
    const made = put(undefined, { properties: { dataLocation: 'united states' } })
    assert.deepEqual(made.ok && made.value, {
      dataLocation: 'United States',
      settings: defaultSettings,
    })
  })

  test('needs a data location that exists', () => {
    assert.equal(fieldOf(put(undefined, {})), 'properties.dataLocation')
    const mars = { properties: { dataLocation: 'Mars' } }
    assert.equal(fieldOf(put(undefined, mars)), 'properties.dataLocation')
  })

  const europe = { dataLocation: 'Europe' }
  const tooMany = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, 'v']))
  const refused: readonly (readonly [string, ResourceDocument])[] = [
    ['identity.type', { identity: { type: 'Other' }, properties: europe }],
    ['identity.type', { identity: {}, properties: europe }],
    ['tags', { tags: tooMany, properties: europe }],
    [
      'properties.publicNetworkAccess',
      { properties: { ...europe, publicNetworkAccess: 'enabled' } },
    ],
    [
      'identity.userAssignedIdentities',
      { identity: { type: 'UserAssigned', userAssignedIdentities: tooMany }, properties: europe },
    ],
  ]
  for (const [field, document] of refused) {
    test(`is refused for ${field}: ${JSON.stringify(document).slice(0, 60)}`, () => {
      assert.equal(fieldOf(put(undefined, document)), field)
    })
  }
})

describe('a PUT on a resource', () => {
  test('takes away what it leaves out, and opens no lock', () => {
    assert.deepEqual(settingsAfterPut({}), {
      ...unchanged,
      tags: {},
      managedIdentity: undefined,
      linkedDomains: undefined,
    })
  })

  test('of an older version leaves alone what that does not know', () => {
    const document = {
      identity: { type: 'None' },
      properties: { disableLocalAuth: false, publicNetworkAccess: 'Enabled', linkedDomains: [] },
    }
    assert.deepEqual(settingsAfterPut(document, '2020-08-20'), { ...unchanged, tags: {} })
    assert.deepEqual(settingsAfterPut(document, '2023-03-31'), {
      ...unchanged,
      tags: {},
      linkedDomains: [],
    })
    assert.deepEqual(settingsAfterPut(document, '2025-05-01'), {
      ...unchanged,
      tags: {},
      linkedDomains: [],
      managedIdentity: { type: 'None' },
    })
  })

  test('opens a lock that it names', () => {
    const document = { properties: { disableLocalAuth: false, publicNetworkAccess: 'Enabled' } }
    const { isLocalAuthDisabled: isDisabled, publicNetworkAccess: access } =
      settingsAfterPut(document)
    assert.deepEqual([isDisabled, access], [false, 'Enabled'])
  })

  const fixed = [
    ['properties.dataLocation', { properties: { dataLocation: 'Africa' } }],
    ['location', { location: 'westeurope' }],
  ] as const
  for (const [property, document] of fixed) {
    test(`cannot change ${property}`, () => {
      assert.deepEqual(put(existing, document), {
        ok: false,
        fault: { kind: 'property-fixed', property },
      })
    })
  }

  test('may say a fixed property again, in any case', () => {
    const same = { location: 'Global', properties: { dataLocation: 'EUROPE' } }
    assert.equal(settingsAfterPut(same).location, 'global')
  })
})

describe('a PATCH of a resource', () => {
  test('that names nothing changes nothing', () => {
    assert.deepEqual(patched({}), unchanged)
    assert.deepEqual(patched({ properties: {} }), unchanged)
  })

  test('adds, changes and deletes the tags that it names', () => {
    assert.deepEqual(patched({ tags: { a: null, b: '3', c: '4' } }).tags, { b: '3', c: '4' })
    assert.deepEqual(patched({ tags: null }).tags, {})
  })

  test('sets what is deleted to its default', () => {
    const properties = { linkedDomains: null, publicNetworkAccess: null, disableLocalAuth: null }
    assert.deepEqual(patched({ identity: null, properties }), {
      ...unchanged,
      managedIdentity: undefined,
      linkedDomains: undefined,
      publicNetworkAccess: 'Enabled',
      isLocalAuthDisabled: false,
    })
  })

  test('takes single identities away, or all with their kind', () => {
    const some = { userAssignedIdentities: { x: null, z: { deep: { er: 1 } } } }
    assert.deepEqual(patched({ identity: some }).managedIdentity, {
      type: 'UserAssigned',
      userAssignedIdentities: { y: {}, z: {} },
    })
    const none = patched({ identity: { type: 'systemassigned' } }).managedIdentity
    assert.deepEqual(none, { type: 'SystemAssigned' })
  })

  test('passes over what its version does not know', () => {
    const later = { identity: null, properties: { disableLocalAuth: false } }
    assert.deepEqual(patched(later, '2020-08-20'), unchanged)
  })

  test('cannot change the data location', () => {
    const moved = resourceAfterPatch(existing, { properties: { dataLocation: 'UK' } }, newest)
    assert.equal(!moved.ok && moved.fault.kind, 'property-fixed')
  })
})
