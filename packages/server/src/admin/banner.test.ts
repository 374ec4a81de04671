import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bannerText } from './banner.ts'
import type { Reachable } from './reachable.ts'

const reachable: Reachable = {
  connectionString: 'endpoint=https://host:4430/;accesskey=Zmlyc3Q=',
  secondaryConnectionString: 'endpoint=https://host:4430/;accesskey=c2Vjb25k',
  caFile: '/data/tls/ca.pem',
  adminEndpoint: 'https://host:4430/',
  adminToken: 'admin-token',
  subscriptionId: 's1',
  resourceGroup: 'parley',
  resourceName: 'parley',
  jwksUrl: 'https://host:4430/.well-known/jwks.json',
  httpEndpoint: 'http://127.0.0.1:4480/',
}

const whole = `
Parley is running. Connection string:

endpoint=https://host:4430/;accesskey=Zmlyc3Q=

Trust its certificate:

export NODE_EXTRA_CA_CERTS=/data/tls/ca.pem

After \`npm install @azure/communication-identity\`, save and run as program.mjs:

    import { CommunicationIdentityClient } from '@azure/communication-identity'
    const client = new CommunicationIdentityClient('endpoint=https://host:4430/;accesskey=Zmlyc3Q=')
    const { user, token, expiresOn } = await client.createUserAndToken(['chat', 'voip'])
    console.log(user.communicationUserId)
    console.log(token, expiresOn)

All of this, for scripts: /data/parley.env
Plain http, on loopback only: http://127.0.0.1:4480/
Stop with Ctrl+C.

`

describe('the banner', () => {
  const print = (changes: Partial<Reachable>) =>
    bannerText({ ...reachable, ...changes }, '/data/parley.env')

  test('has the connection string, the certificate, a program, and where to find more', () => {
    assert.equal(print({}), whole)
  })

  test('says nothing of a certificate that is the own one of the operator', () => {
    const expected = whole.replace(/Trust its certificate:\n\nexport .*\n\n/, '')
    assert.equal(print({ caFile: undefined }), expected)
    assert.ok(!expected.includes('NODE_EXTRA_CA_CERTS'))
  })

  test('says nothing of plain http where there is none', () => {
    assert.equal(print({ httpEndpoint: undefined }), whole.replace(/Plain http.*\n/, ''))
  })

  const none = {
    connectionString: undefined,
    secondaryConnectionString: undefined,
    resourceGroup: undefined,
    resourceName: undefined,
  }

  test('says how to create a resource where there is none', () => {
    assert.equal(
      print(none),
      `
Parley is running, and has no resource. To create one:

    . /data/parley.env
    subscription="\${PARLEY_ADMIN_ENDPOINT}subscriptions/s1"
    services=providers/Microsoft.Communication/communicationServices
    put() {
      curl -sS --cacert "$NODE_EXTRA_CA_CERTS" -X PUT "$1" -d "$2" \\
        -H "Authorization: Bearer $PARLEY_ADMIN_TOKEN" -H 'Content-Type: application/json'
    }
    put "$subscription?api-version=2022-12-01" '{}'
    put "$subscription/resourceGroups/parley/$services/parley?api-version=2025-09-01" \\
      '{"properties":{"dataLocation":"United States"}}'

All of this, for scripts: /data/parley.env
Plain http, on loopback only: http://127.0.0.1:4480/
Stop with Ctrl+C.

`,
    )
  })

  test('has a subscription made where there is none either', () => {
    const text = print({ ...none, subscriptionId: undefined, caFile: undefined })
    assert.match(text, /subscriptions\/\$\(node -p 'crypto\.randomUUID\(\)'\)"/)
    assert.ok(!text.includes('--cacert'))
  })

  test('shows neither the second key nor the token of the administrator', () => {
    assert.ok(!whole.includes('c2Vjb25k') && !whole.includes('admin-token'))
  })
})
