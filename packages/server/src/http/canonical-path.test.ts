import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '@parley/protocol'
import type { Operation } from '../contract/operation.ts'
import { createCanonicalPath } from './canonical-path.ts'
import { routesOf } from './routes.ts'

function operationAt(path: string, versions: Operation['versions']): Operation {
  const reply = { status: 200 }
  return { id: path, summary: '', method: 'POST', path, access: 'public', versions, reply, handle }
}
const handle = () => ok({})

const canonical = createCanonicalPath(
  routesOf([
    operationAt('/identities/{id}', { since: '2021-03-07' }),
    operationAt('/subscriptions/{id}/resourceGroups/{group}/listKeys', {
      service: 'management',
      since: '2020-08-20',
    }),
  ]),
)

describe('a path of the control plane', () => {
  const paths = [
    [
      '/SUBSCRIPTIONS/Ab/resourcegroups/Mine/LISTKEYS',
      '/subscriptions/Ab/resourceGroups/Mine/listKeys',
    ],
    [
      '/subscriptions/a/resourcegroups/b/listkeys?x=/LISTKEYS?',
      '/subscriptions/a/resourceGroups/b/listKeys?x=/LISTKEYS?',
    ],
    [
      '/subscriptions/SUBSCRIPTIONS/resourceGroups/LISTKEYS/listKeys',
      '/subscriptions/SUBSCRIPTIONS/resourceGroups/LISTKEYS/listKeys',
    ],
    ['/subscriptions', '/subscriptions'],
  ] as const
  for (const [path, expected] of paths) {
    test(`${path} is read as ${expected}`, () => {
      assert.equal(canonical(path), expected)
    })
  }

  test('of another service stays as it came', () => {
    for (const path of ['/Identities/LISTKEYS', '/introspect', '/', '', '*', '/x?subscriptions/']) {
      assert.equal(canonical(path), path)
    }
  })
})

describe('a path of an exchange', () => {
  const paths = [
    ['//access/entra/:exchangeAccessToken?a=b', '/access/entra/:exchangeAccessToken?a=b'],
    ['/access/entra/:exchangeAccessToken', '/access/entra/:exchangeAccessToken'],
    ['///access/entra/:exchangeAccessToken', '///access/entra/:exchangeAccessToken'],
    ['//identities', '//identities'],
    ['//accessible', '//accessible'],
  ] as const
  for (const [path, expected] of paths) {
    test(`${path} is read as ${expected}`, () => {
      assert.equal(canonical(path), expected)
    })
  }
})
