import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Resource } from '../resources/model.ts'
import { type Place, type PlaceWorld, placeOf } from './place.ts'

const contoso: Resource = {
  resourceId: '11111111-1111-4111-8111-111111111111',
  subscriptionId: '22222222-2222-4222-8222-222222222222',
  resourceGroup: 'group',
  name: 'Contoso',
  dataLocation: 'Europe',
  isLocalAuthDisabled: false,
  isSubscriptionEnabled: true,
}

const world: PlaceWorld = {
  domain: 'id.example',
  publicHosts: ['proxy.example', 'gate.example:8443'],
  findByName: (name) => (name.toLowerCase() === 'contoso' ? contoso : undefined),
}

const atContoso: Place = { kind: 'resource', resource: contoso }
const anywhere: Place = { kind: 'anywhere' }
const nowhere: Place = { kind: 'nowhere' }

describe('a host name, where there is a domain', () => {
  const hosts: readonly (readonly [string, Place])[] = [
    ['contoso.id.example', atContoso],
    ['contoso.id.example:4430', atContoso],
    ['CONTOSO.ID.Example', atContoso],
    ['fabrikam.id.example', nowhere],
    ['x.contoso.id.example', nowhere],
    ['contoso.x.id.example', nowhere],
    ['.id.example', nowhere],
    ['contoso.id.example.', nowhere],
    ['contoso.id.example.evil.example', nowhere],
    ['contosoid.example', nowhere],
    ['contoso', nowhere],
    ['id.example', nowhere],
    ['elsewhere.example', nowhere],
    ['', nowhere],
    ['localhost', anywhere],
    ['localhost:4480', anywhere],
    ['127.0.0.1:4480', anywhere],
    ['[::1]', anywhere],
    ['[::1]:4480', anywhere],
    ['localhost.evil.example', nowhere],
    ['proxy.example', anywhere],
    ['proxy.example:443', anywhere],
    ['Proxy.Example', anywhere],
    ['gate.example:8443', anywhere],
    ['gate.example', nowhere],
    ['gate.example:443', nowhere],
  ]
  for (const [host, place] of hosts) {
    test(`${host === '' ? 'that is empty' : host} is ${place.kind}`, () => {
      assert.deepEqual(placeOf(host, world), place)
    })
  }
})

describe('a host name, where there is no domain', () => {
  for (const host of ['contoso.id.example', 'elsewhere.example', '127.0.0.1:4480', '']) {
    test(`${host === '' ? 'that is empty' : host} is anywhere`, () => {
      assert.deepEqual(placeOf(host, { ...world, domain: undefined }), anywhere)
    })
  }
})
