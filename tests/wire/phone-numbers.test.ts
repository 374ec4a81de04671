/**
 * The official client for phone numbers, unmodified: its routing client, and what its other client
 * is told.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PhoneNumbersClient, SipRoutingClient } from '@azure/communication-phone-numbers'
import { theServer } from './the-server.ts'

async function routing(): Promise<SipRoutingClient> {
  const { banner } = await theServer()
  const client = new SipRoutingClient(banner.connectionString)
  await client.setRoutes([])
  await client.setTrunks([])
  return client
}

async function listed<Entry>(entries: AsyncIterable<Entry>): Promise<readonly Entry[]> {
  const list: Entry[] = []
  for await (const entry of entries) list.push(entry)
  return list
}

interface ToldFault {
  readonly code: string
  readonly message: string
  readonly statusCode: number
  readonly details: { readonly error: { readonly details: readonly { readonly code: string }[] } }
}

async function faultOf(call: Promise<unknown>): Promise<ToldFault> {
  return call.then(
    () => assert.fail('the call was not refused'),
    (fault: ToldFault) => fault,
  )
}

const [one, two] = [
  { fqdn: 'one.trunk.example', sipSignalingPort: 5061 },
  { fqdn: 'two.trunk.example', sipSignalingPort: 5062 },
] as const

describe('the routing client of phone-numbers 1.5.0', () => {
  test('sets, lists, changes and deletes trunks', async () => {
    const client = await routing()
    assert.deepEqual(await client.setTrunks([one, two]), [one, two])
    assert.deepEqual(await listed(client.listTrunks()), [one, two])
    const moved = { ...one, sipSignalingPort: 5070 }
    assert.deepEqual(await client.setTrunk(moved), moved)
    assert.deepEqual(await client.getTrunk(one.fqdn), moved)
    await client.deleteTrunk(one.fqdn)
    assert.deepEqual(await listed(client.listTrunks()), [two])
    assert.deepEqual(await client.setTrunks([one]), [one])
    assert.deepEqual(await client.setTrunks([]), [])
  })

  test('sets and lists routes in their order', async () => {
    const client = await routing()
    await client.setTrunks([one, two])
    const routes = [
      {
        name: 'first',
        description: 'the nearest',
        numberPattern: '^\\+1(425|206)[0-9]{7}$',
        trunks: [two.fqdn, one.fqdn],
      },
      { name: 'rest', numberPattern: '^+[1-9][0-9]{3,23}$', trunks: [] },
    ]
    assert.deepEqual(await client.setRoutes(routes), routes)
    assert.deepEqual(await listed(client.listRoutes()), routes)
    assert.deepEqual(await client.setRoutes(routes.toReversed()), routes.toReversed())
    assert.deepEqual(await listed(client.listTrunks()), [one, two])
  })

  test('is refused what cannot be, as the service does, and nothing is changed', async () => {
    const client = await routing()
    await client.setTrunks([one])
    const route = { name: 'a', numberPattern: '^\\+1', trunks: [one.fqdn] }
    await client.setRoutes([route])
    const refused: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['InvalidTrunkFqdn', () => client.setTrunk({ ...one, fqdn: '-1' })],
      ['InvalidTrunkSipSignalingPort', () => client.setTrunk({ ...two, sipSignalingPort: 0 })],
      ['InvalidRouteName', () => client.setRoutes([{ ...route, name: '' }])],
      ['InvalidRouteNumberPattern', () => client.setRoutes([{ ...route, numberPattern: '' }])],
      ['MissingTrunk', () => client.setRoutes([{ ...route, trunks: [two.fqdn] }])],
      ['MissingTrunk', () => client.deleteTrunk(one.fqdn)],
    ]
    for (const [code, act] of refused) {
      const { statusCode, details, ...refusal } = await faultOf(act())
      assert.deepEqual([statusCode, refusal.code], [422, 'UnprocessableConfiguration'], code)
      assert.equal(details.error.details[0]?.code, code)
    }
    assert.deepEqual(await listed(client.listTrunks()), [one])
    assert.deepEqual(await listed(client.listRoutes()), [route])
  })
})

describe('the numbers client of phone-numbers 1.5.0', () => {
  const asked: Readonly<Record<string, (client: PhoneNumbersClient) => Promise<unknown>>> = {
    'list what it has bought': (client) => client.listPurchasedPhoneNumbers().next(),
    'get a number': (client) => client.getPurchasedPhoneNumber('+15550100'),
    'list countries': (client) => client.listAvailableCountries().next(),
    'list offerings': (client) => client.listAvailableOfferings('US').next(),
    'search for numbers': (client) =>
      client.beginSearchAvailablePhoneNumbers({
        countryCode: 'US',
        phoneNumberType: 'tollFree',
        assignmentType: 'application',
        capabilities: { sms: 'none', calling: 'outbound' },
      }),
    'buy numbers': (client) =>
      client.beginPurchasePhoneNumbers('11111111-1111-4111-8111-111111111111'),
    'release a number': (client) => client.beginReleasePhoneNumber('+15550100'),
  }
  for (const [what, act] of Object.entries(asked)) {
    test(`is told that nobody sells any here when it wants to ${what}`, async () => {
      const { banner } = await theServer()
      const { code, message } = await faultOf(act(new PhoneNumbersClient(banner.connectionString)))
      assert.equal(code, 'NotImplemented')
      assert.match(message, /does not serve the sale of phone numbers/)
    })
  }
})
