import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createResourceDirectory } from './directory.ts'
import {
  type DataLocation,
  findDataLocation,
  firstResource,
  isResourceGroupName,
  isResourceName,
  regionClaim,
  resourceLocationClaim,
} from './model.ts'

/** Both claims of each location. A location that is missing here does not compile. */
const claims: Readonly<Record<DataLocation, readonly [resourceLocation: string, rgn: string]>> = {
  Africa: ['africa', 'africa'],
  'Asia Pacific': ['asiapacific', 'apac'],
  Australia: ['australia', 'au'],
  Brazil: ['brazil', 'br'],
  Canada: ['canada', 'ca'],
  Europe: ['europe', 'emea'],
  France: ['france', 'fr'],
  Germany: ['germany', 'de'],
  India: ['india', 'in'],
  Japan: ['japan', 'jp'],
  Korea: ['korea', 'kr'],
  Norway: ['norway', 'no'],
  Switzerland: ['switzerland', 'ch'],
  UAE: ['uae', 'ae'],
  UK: ['uk', 'uk'],
  'United States': ['unitedstates', 'amer'],
}
const locations = Object.keys(claims) as DataLocation[]

describe('a data location', () => {
  for (const location of locations) {
    const [resourceLocation, rgn] = claims[location]
    test(`${location} is claimed as ${resourceLocation} in the region ${rgn}`, () => {
      assert.deepEqual(
        [resourceLocationClaim(location), regionClaim(location)],
        [resourceLocation, rgn],
      )
    })
  }

  test('shares its claims with no other', () => {
    assert.equal(new Set(locations.map(resourceLocationClaim)).size, locations.length)
    assert.equal(new Set(locations.map(regionClaim)).size, locations.length)
  })
})

describe('a data location as it is written', () => {
  const texts = [
    ['United States', 'United States'],
    ['unitedstates', 'United States'],
    ['UAE', 'UAE'],
    ['uk ', 'UK'],
    ['Mars', undefined],
    ['', undefined],
    ['constructor', undefined],
  ] as const
  for (const [text, expected] of texts) {
    test(`'${text}' is ${expected ?? 'none'}`, () => {
      assert.equal(findDataLocation(text), expected)
    })
  }
})

describe('the name of a resource', () => {
  const names: readonly (readonly [string, boolean])[] = [
    ['a', true],
    ['A-b-9', true],
    ['9', true],
    ['x'.repeat(63), true],
    ['x'.repeat(64), false],
    ['', false],
    ['-a', false],
    ['a-', false],
    ['a_b', false],
    ['a.b', false],
    ['ä', false],
    ['a\n', false],
  ]
  for (const [name, isOne] of names) {
    test(`${isOne ? 'is' : 'is not'} ${JSON.stringify(name).slice(0, 70)}`, () => {
      assert.equal(isResourceName(name), isOne)
    })
  }
})

describe('the name of a resource group', () => {
  const names: readonly (readonly [string, boolean])[] = [
    ['My-Group_(1).x', true],
    ['g'.repeat(90), true],
    ['g'.repeat(91), false],
    ['', false],
    ['g.', false],
    ['g/providers', false],
    ['g h', false],
    ['ä', false],
  ]
  for (const [name, isOne] of names) {
    test(`${isOne ? 'is' : 'is not'} ${JSON.stringify(name).slice(0, 70)}`, () => {
      assert.equal(isResourceGroupName(name), isOne)
    })
  }
})

describe('the resource of a first start', () => {
  test('is called parley and lies in the United States', () => {
    assert.deepEqual(firstResource, {
      resourceGroup: 'parley',
      name: 'parley',
      dataLocation: 'United States',
      isLocalAuthDisabled: false,
      isSubscriptionEnabled: true,
    })
  })
})

describe('the directory of resources', () => {
  const resource = { ...firstResource, resourceId: 'a', subscriptionId: 's' }

  test('finds by its id what was added, and nothing else', () => {
    const directory = createResourceDirectory()
    directory.put(resource)
    assert.deepEqual(directory.find('a'), resource)
    for (const other of ['A', 'b', '', 'constructor', '__proto__']) {
      assert.equal(directory.find(other), undefined)
    }
  })

  test('holds the latest of what was added under one id', () => {
    const directory = createResourceDirectory()
    const renamed = { ...resource, name: 'renamed' }
    directory.put(resource)
    directory.put(renamed)
    assert.deepEqual(directory.find('a'), renamed)
  })
})
