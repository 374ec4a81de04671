import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { firstResource } from '../resources/model.ts'
import { connectionStrings, endpointFor, endpointOf, reachableAt } from './reachable.ts'

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

describe('the endpoint of a resource', () => {
  test('is that of the server where there is no domain', () => {
    assert.equal(endpointFor('mine', { domain: undefined, endpoint }), endpoint)
  })

  test('is its own name below the domain, with the port of that', () => {
    assert.equal(endpointFor('Mine', { domain: 'a.example', endpoint }), 'https://mine.a.example/')
    const domain = 'a.example:8443'
    assert.equal(endpointFor('mine', { domain, endpoint }), 'https://mine.a.example:8443/')
  })
})

const resource = { ...firstResource, resourceId: 'r1', subscriptionId: 's1' }
const resources = [resource, { ...resource, resourceId: 'r2', name: 'later' }]
const installation = { resources, subscriptionId: 's1' }
const endpoint = 'https://127.0.0.1:4430/'
const keys = { primary: 'Zmlyc3Q=', secondary: 'c2Vjb25k' }
const around = { domain: undefined, keys, adminToken: 'admin-token' }

describe('what a program needs to find a server', () => {
  test('is about the resource of the first start, with its keys and no other', () => {
    const server = { ...around, installation, caFile: '/data/tls/ca.pem', httpPort: 4480 }
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
    const server = { ...around, installation, caFile: undefined, httpPort: undefined }
    const { caFile, httpEndpoint } = reachableAt(endpoint, server)
    assert.deepEqual([caFile, httpEndpoint], [undefined, undefined])
  })

  test('names no resource where there is none, and still the subscription for one', () => {
    const empty = { ...installation, resources: [] }
    const server = { ...around, installation: empty, caFile: undefined, httpPort: undefined }
    const { adminEndpoint, adminToken, jwksUrl, ...rest } = reachableAt(endpoint, server)
    assert.deepEqual(
      Object.entries(rest).filter(([, value]) => value !== undefined),
      [['subscriptionId', 's1']],
    )
  })
})

describe('the connection strings of a resource', () => {
  test('have the key of their slot', () => {
    const expected = {
      connectionString: 'endpoint=https://127.0.0.1:4430/;accesskey=Zmlyc3Q=',
      secondaryConnectionString: 'endpoint=https://127.0.0.1:4430/;accesskey=c2Vjb25k',
    }
    assert.deepEqual(connectionStrings(endpoint, keys), expected)
  })
})
