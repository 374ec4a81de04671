/**
 * What every generation of the official management client can do, as one specification.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { areLive, refusalOf, theServer } from './the-server.ts'

/** The client, reduced to what all its generations share. */
export interface ManagementClient {
  put(place: Place, document: ResourceDocument): Promise<ManagedResource>
  get(place: Place): Promise<ManagedResource>
  update(place: Place, tags: Record<string, string>): Promise<ManagedResource>
  delete(place: Place): Promise<void>
  listKeys(place: Place): Promise<Keys>
  regenerateKey(place: Place, keyType: 'Primary' | 'Secondary'): Promise<Keys>
  checkName(name: string): Promise<{ nameAvailable?: boolean; reason?: string }>
  linkHub(place: Place, hub: { resourceId: string; connectionString: string }): Promise<unknown>
  listInGroup(group: string): AsyncIterable<ManagedResource>
  listInSubscription(): AsyncIterable<ManagedResource>
  listOperations(): AsyncIterable<{ name?: string }>
}

/** Where a resource stands within its subscription. */
export interface Place {
  readonly group: string
  readonly name: string
}

interface ResourceDocument {
  location: string
  dataLocation: string
  tags?: Record<string, string>
}

interface ManagedResource {
  readonly id?: string
  readonly name?: string
  readonly provisioningState?: string
  readonly hostName?: string
  readonly dataLocation?: string
  readonly immutableResourceId?: string
  readonly notificationHubId?: string
  readonly systemData?: { createdAt?: Date }
  tags?: Record<string, string>
}

interface Keys {
  primaryKey?: string
  secondaryKey?: string
  primaryConnectionString?: string
  secondaryConnectionString?: string
}

/** A credential that always has the same token. */
export interface StaticCredential {
  getToken(): Promise<{ token: string; expiresOnTimestamp: number }>
}

/** One published version of the client. */
export interface Generation {
  readonly version: string
  readonly connect: (
    credential: StaticCredential,
    subscriptionId: string,
    endpoint: string,
  ) => ManagementClient
}

/** What `parley.env` of the server says. */
export async function environmentOf(name: string): Promise<string> {
  const { banner } = await theServer()
  const text = readFileSync(banner.environmentFile, 'utf8')
  const value = new RegExp(`^${name}='(.*)'$`, 'm').exec(text)?.[1]
  assert.ok(value !== undefined, name)
  return value
}

/** A credential with a token, the admin token unless another is given. */
export async function credentialWith(token?: string): Promise<StaticCredential> {
  const held = token ?? (await environmentOf('PARLEY_ADMIN_TOKEN'))
  return { getToken: async () => ({ token: held, expiresOnTimestamp: Date.now() + 3_600_000 }) }
}

async function connected(generation: Generation, token?: string): Promise<ManagementClient> {
  return generation.connect(
    await credentialWith(token),
    await environmentOf('PARLEY_SUBSCRIPTION_ID'),
    await environmentOf('PARLEY_ADMIN_ENDPOINT'),
  )
}

function newPlace(): Place {
  const unique = randomBytes(6).toString('hex')
  return { group: `group-${unique}`, name: `name-${unique}` }
}

const document = { location: 'global', dataLocation: 'United States' }

/** Specifies one generation, with nothing but `parley.env` and the CA. */
export function specify(generation: Generation): void {
  describe(`the management client ${generation.version}`, () => {
    specifyLife(generation)
    specifyKeys(generation)
    specifyLists(generation)
    specifyRefusals(generation)
  })
}

function specifyLife(generation: Generation): void {
  test('creates a resource, twice, and gets what it created', async () => {
    const client = await connected(generation)
    const place = newPlace()
    const created = await client.put(place, { ...document, tags: { a: 'b' } })
    const again = await client.put(place, { ...document, tags: { a: 'b' } })
    const got = await client.get(place)
    assert.equal(created.name, place.name)
    assert.equal(created.provisioningState, 'Succeeded')
    assert.equal(created.dataLocation, 'United States')
    assert.deepEqual(created.tags, { a: 'b' })
    assert.ok(created.systemData?.createdAt instanceof Date)
    assert.equal(again.immutableResourceId, created.immutableResourceId)
    assert.deepEqual(got, again)
    assert.deepEqual((await client.update(place, { c: 'd' })).tags, { a: 'b', c: 'd' })
    await client.delete(place)
  })

  test('deletes a resource, twice', async () => {
    const client = await connected(generation)
    const place = newPlace()
    await client.put(place, document)
    await client.delete(place)
    await client.delete(place)
    const gone = { name: 'RestError', statusCode: 404, code: 'ResourceNotFound' }
    assert.deepEqual(await refusalOf(client.get(place)), gone)
  })

  test('learns whether a name is free, and links a hub', async () => {
    const client = await connected(generation)
    const place = newPlace()
    assert.equal((await client.checkName(place.name)).nameAvailable, true)
    await client.put(place, document)
    const { nameAvailable, reason } = await client.checkName(place.name)
    assert.deepEqual([nameAvailable, reason], [false, 'AlreadyExists'])
    await client.linkHub(place, { resourceId: '/a/hub', connectionString: 'Endpoint=sb://x/' })
    assert.equal((await client.get(place)).notificationHubId, '/a/hub')
    await client.delete(place)
  })
}

function specifyKeys(generation: Generation): void {
  test('lists keys whose connection strings are pasted as they are', async () => {
    const client = await connected(generation)
    const place = newPlace()
    await client.put(place, document)
    const keys = await client.listKeys(place)
    for (const text of [keys.primaryConnectionString, keys.secondaryConnectionString]) {
      const identity = new CommunicationIdentityClient(text ?? '')
      const { user, token } = await identity.createUserAndToken(['chat'])
      assert.match(user.communicationUserId, /^8:acs:/)
      assert.deepEqual(await isLive(text ?? '', token), true)
    }
    await client.delete(place)
  })

  for (const keyType of ['Primary', 'Secondary'] as const) {
    test(`regenerates the ${keyType} key, and nothing else dies`, async () => {
      const client = await connected(generation)
      const place = newPlace()
      await client.put(place, document)
      const before = await client.listKeys(place)
      const texts = [before.primaryConnectionString ?? '', before.secondaryConnectionString ?? '']
      const [former = '', other = ''] = keyType === 'Primary' ? texts : texts.reverse()
      const tokens = []
      for (const text of [former, other]) {
        const identity = new CommunicationIdentityClient(text)
        tokens.push((await identity.createUserAndToken(['chat'])).token)
      }
      const made = await client.regenerateKey(place, keyType)
      const text = made.primaryConnectionString ?? made.secondaryConnectionString ?? ''
      await new CommunicationIdentityClient(text).createUser()
      const refusal = await refusalOf(new CommunicationIdentityClient(former).createUser())
      assert.deepEqual(refusal, { name: 'RestError', statusCode: 401, code: 'Denied' })
      const live = []
      for (const token of tokens) live.push(await isLive(other, token))
      assert.deepEqual(live, [false, true])
      await client.delete(place)
    })
  }
}

/** Asks as the holder of a connection string whether a token is live. */
async function isLive(connectionString: string, token: string): Promise<boolean | undefined> {
  const server = await theServer()
  const accessKey = Buffer.from(connectionString.split(';accesskey=')[1] ?? '', 'base64')
  const asOwner: typeof server = {
    ...server,
    call: (request) => server.call({ ...request, accessKey }),
  }
  return (await areLive(asOwner, [token]))[0]
}

function specifyLists(generation: Generation): void {
  test('lists resources of its group and of its subscription, and operations', async () => {
    const client = await connected(generation)
    const places = [newPlace(), newPlace()]
    for (const place of places) await client.put(place, document)
    const [first, second] = places
    assert.ok(first !== undefined && second !== undefined)
    const inGroup = []
    for await (const { name } of client.listInGroup(first.group.toUpperCase())) inGroup.push(name)
    assert.deepEqual(inGroup, [first.name])
    const all = []
    for await (const { name } of client.listInSubscription()) all.push(name)
    assert.ok(all.includes(first.name) && all.includes(second.name) && all.includes('parley'))
    const operations = []
    for await (const { name } of client.listOperations()) operations.push(name)
    assert.ok(operations.includes('Microsoft.Communication/communicationServices/write'))
    for (const place of places) await client.delete(place)
  })
}

function specifyRefusals(generation: Generation): void {
  test('learns of a wrong token', async () => {
    const client = await connected(generation, 'wrong')
    const { statusCode, code } = await refusalOf(client.get(newPlace()))
    assert.deepEqual([statusCode, code], [401, 'AuthenticationFailed'])
  })

  test('learns that a data location is fixed', async () => {
    const client = await connected(generation)
    const place = newPlace()
    await client.put(place, document)
    const { statusCode, code } = await refusalOf(
      client.put(place, { ...document, dataLocation: 'Europe' }),
    )
    assert.deepEqual([statusCode, code], [400, 'PropertyChangeNotAllowed'])
    await client.delete(place)
  })
}
