import assert from 'node:assert/strict'
import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import type { AccessKeySlot } from '@parley/protocol'
import { activeAccessKey } from '../keys/model.ts'
import { firstResource } from '../resources/model.ts'
import type { Installation, OpenAccessKey } from './installation.ts'
import { connectionStrings, endpointOf, reachableAt } from './reachable.ts'

describe('the endpoint that clients are told', () => {
  const endpoints: readonly (readonly [host: string, publicHosts: readonly string[], string])[] = [
    ['127.0.0.1', [], 'https://127.0.0.1:4430/'],
    ['10.1.2.3', [], 'https://10.1.2.3:4430/'],
    ['localhost', [], 'https://localhost:4430/'],
    ['0.0.0.0', [], 'https://127.0.0.1:4430/'],
    ['::', [], 'https://127.0.0.1:4430/'],
    ['::1', [], 'https://[::1]:4430/'],
    ['fe80::1', [], 'https://[fe80::1]:4430/'],
    ['0.0.0.0', ['parley.example'], 'https://parley.example/'],
    ['::1', ['parley.example:8443', 'b.example'], 'https://parley.example:8443/'],
  ]
  for (const [host, publicHosts, expected] of endpoints) {
    test(`is ${expected} for a listener on ${host} known as [${publicHosts}]`, () => {
      const endpoint = endpointOf({ host, publicHosts, port: 4430 })
      assert.equal(endpoint, expected)
      assert.equal(new URL(endpoint).href, endpoint)
    })
  }
})

function keyOf(resourceId: string, slot: AccessKeySlot, text: string): OpenAccessKey {
  const stored = { resourceId, slot, generation: 1, sealedKey: Buffer.alloc(0) }
  return { active: activeAccessKey(stored, Buffer.from(text, 'base64')), text }
}

const resource = { ...firstResource, resourceId: 'r1', subscriptionId: 's1' }
const installation: Installation = {
  resources: [resource, { ...resource, resourceId: 'r2', name: 'later' }],
  accessKeys: [
    keyOf('r2', 'primary', 'b3RoZXI='),
    keyOf('r1', 'secondary', 'c2Vjb25k'),
    keyOf('r1', 'primary', 'Zmlyc3Q='),
  ],
  signingKey: {
    kid: 'k',
    algorithm: 'ES256',
    privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  },
  publishedKeys: [],
  customIdKey: createSecretKey(Buffer.alloc(32)),
  adminToken: 'admin-token',
}
const endpoint = 'https://127.0.0.1:4430/'

describe('what a program needs to find a server', () => {
  test('is about the resource of the first start, with its keys and no other', () => {
    const server = { installation, caFile: '/data/tls/ca.pem', httpPort: 4480 }
    assert.deepEqual(reachableAt(endpoint, server), {
      connectionString: 'endpoint=https://127.0.0.1:4430/;accesskey=Zmlyc3Q=',
      secondaryConnectionString: 'endpoint=https://127.0.0.1:4430/;accesskey=c2Vjb25k',
      caFile: '/data/tls/ca.pem',
      adminEndpoint: 'https://127.0.0.1:4430/',
      adminToken: 'admin-token',
      subscriptionId: 's1',
      resourceGroup: 'parley',
      resourceName: 'parley',
      jwksUrl: 'https://127.0.0.1:4430/.well-known/jwks.json',
      httpEndpoint: 'http://127.0.0.1:4480/',
    })
  })

  test('names neither CA nor plain http where there is none', () => {
    const server = { installation, caFile: undefined, httpPort: undefined }
    const { caFile, httpEndpoint } = reachableAt(endpoint, server)
    assert.deepEqual([caFile, httpEndpoint], [undefined, undefined])
  })

  test('does not exist before there is a resource', () => {
    const server = { installation: { ...installation, resources: [] }, caFile: '', httpPort: 1 }
    assert.throws(() => reachableAt(endpoint, server), {
      message: 'a first start makes a resource',
    })
  })
})

describe('the connection strings of a resource', () => {
  test('have the key of their slot, in whatever order the keys come', () => {
    const keys = installation.accessKeys.filter(({ active }) => active.resourceId === 'r1')
    const expected = {
      connectionString: 'endpoint=https://127.0.0.1:4430/;accesskey=Zmlyc3Q=',
      secondaryConnectionString: 'endpoint=https://127.0.0.1:4430/;accesskey=c2Vjb25k',
    }
    assert.deepEqual(connectionStrings(endpoint, keys), expected)
    assert.deepEqual(connectionStrings(endpoint, keys.toReversed()), expected)
  })
})
