import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isGuid, parseIdentityName, printIdentityName } from './identities.ts'

const resourceId = '0199a6b2-0000-7000-8000-00000000000a'
const identityId = '0199a6b2-0000-7000-8000-00000000000b'
const name = `8:acs:${resourceId}_${identityId}`

describe('a GUID', () => {
  const shapes = [
    [resourceId, true],
    ['00000000-0000-0000-0000-000000000000', true],
    ['ffffffff-ffff-ffff-ffff-ffffffffffff', true],
    ['', false],
    [resourceId.toUpperCase(), false],
    [`{${resourceId}}`, false],
    [resourceId.replaceAll('-', ''), false],
    [resourceId.slice(1), false],
    [`${resourceId}\n`, false],
    [`${resourceId.slice(0, 35)}g`, false],
    [`0199a6b20-000-7000-8000-00000000000a`, false],
  ] as const
  for (const [text, accepted] of shapes) {
    test(`${accepted ? 'is' : 'is not'} ${JSON.stringify(text)}`, () => {
      assert.equal(isGuid(text), accepted)
    })
  }
})

describe('an identity name', () => {
  test('is the resource and the identity within it', () => {
    assert.deepEqual(parseIdentityName(name), { resourceId, identityId })
    assert.equal(name.length, 79)
  })

  test('is printed as it was read, whatever the ids', () => {
    const both = { resourceId: fc.uuid(), identityId: fc.uuid() }
    fc.assert(
      fc.property(fc.record(both, { noNullPrototype: true }), (parts) => {
        assert.deepEqual(parseIdentityName(printIdentityName(parts)), parts)
      }),
    )
  })

  const refused = [
    ['of another kind of user', `8:orgid:${resourceId}`],
    ['of a gov cloud', `8:gcch-acs:${resourceId}_${identityId}`],
    ['with two underscores', `8:acs:${resourceId}_${identityId.slice(0, 35)}_`],
    ['without an identity', `8:acs:${resourceId}`],
    ['without the leading 8:', name.slice(2)],
    ['in upper case', name.toUpperCase()],
    ['with something after it', `${name}0`],
    ['with a hyphen for the underscore', name.replace('_', '-')],
    ['percent-encoded', encodeURIComponent(name)],
    ['that is empty', ''],
  ] as const
  for (const [what, text] of refused) {
    test(`is not read from one ${what}`, () => {
      assert.equal(parseIdentityName(text), undefined)
    })
  }
})
