/** The calls of the control plane that most tests make, each in one line. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { parseConnectionString } from '@parley/protocol'
import type { WireError } from '@parley/server/contract/faults'
import { send, type Tenant, type TestRequest, type World } from './world.ts'

/** The api-version of the current official SDK, and that of subscriptions. */
export const armVersion = '2025-09-01'
const subscriptionVersion = '2022-12-01'

/** A resource on the wire; what there is of it, a test asserts. */
export interface ArmResource {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
  readonly systemData: Readonly<Record<string, string>>
  readonly identity?: object
  readonly properties: Readonly<Record<string, unknown>> & {
    readonly hostName: string
    readonly immutableResourceId: string
  }
}

/** Everything that some answer or other has. */
export interface ControlBody extends ArmResource {
  readonly subscriptionId: string
  readonly displayName: string
  readonly state: string
  readonly value: readonly (ArmResource & { readonly subscriptionId: string })[]
  readonly nextLink?: string
  readonly primaryKey?: string
  readonly secondaryKey?: string
  readonly primaryConnectionString?: string
  readonly secondaryConnectionString?: string
  readonly nameAvailable: boolean
  readonly reason?: string
  readonly error: Required<WireError>
}

/** An answer of the control plane. */
export interface ControlAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: ControlBody
}

/** Sends a request with the admin token; headers given win. */
export async function control(world: World, request: TestRequest): Promise<ControlAnswer> {
  const answer = await send(world.origin, {
    ...request,
    headers: {
      authorization: `Bearer ${world.reachable.adminToken}`,
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
  })
  return { ...answer, body: answer.body as unknown as ControlBody }
}

/** A new GUID. */
export function newGuid(): string {
  const hex = randomBytes(16).toString('hex')
  return hex.replace(/^(.{8})(.{3}).(.{3}).(.{3})(.{12}).*$/, '$1-$20-4$3-8$4-$5')
}

/** A name that no other test uses. */
export function newName(): string {
  return `named-${randomBytes(6).toString('hex')}`
}

/** The path of a subscription. */
export function subscriptionPath(subscriptionId: string, rest = ''): string {
  return `/subscriptions/${subscriptionId}${rest}?api-version=${subscriptionVersion}`
}

/** Creates a subscription and gives its id. */
export async function createSubscription(world: World): Promise<string> {
  const subscriptionId = newGuid()
  const path = subscriptionPath(subscriptionId)
  const { status } = await control(world, { method: 'PUT', path, body: { displayName: 'Test' } })
  assert.equal(status, 201)
  return subscriptionId
}

/** Where a resource stands. */
export interface Place {
  readonly subscriptionId: string
  readonly group: string
  readonly name: string
}

/** A place that no other test uses, in a subscription of its own. */
export async function newPlace(world: World): Promise<Place> {
  return { subscriptionId: await createSubscription(world), group: 'Group', name: newName() }
}

/** The path of a resource, or of an action on it. */
export function resourcePath(place: Place, rest = '', version = armVersion): string {
  const { subscriptionId, group, name } = place
  return (
    `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Communication/` +
    `communicationServices/${name}${rest}?api-version=${version}`
  )
}

/** Sends the PUT of a resource. */
export function putResource(
  world: World,
  place: Place,
  document: object = { location: 'global', properties: { dataLocation: 'Europe' } },
): Promise<ControlAnswer> {
  return control(world, { method: 'PUT', path: resourcePath(place), body: document })
}

/** Creates a resource, and gives what its owner holds after pasting its connection strings. */
export async function createResource(world: World, place: Place): Promise<Tenant> {
  const { status, body } = await putResource(world, place)
  assert.equal(status, 201)
  const { properties, name } = body
  const keys = await control(world, { method: 'POST', path: resourcePath(place, '/listKeys') })
  assert.equal(keys.status, 200)
  const { primaryConnectionString = '', secondaryConnectionString = '' } = keys.body
  return world.adoptTenant({
    resourceId: properties.immutableResourceId,
    name,
    connectionString: primaryConnectionString,
    primaryKey: keyIn(primaryConnectionString),
    secondaryKey: keyIn(secondaryConnectionString),
  })
}

/** The access key in a connection string. */
export function keyIn(connectionString: string): Buffer {
  return Buffer.from(parseConnectionString(connectionString)?.accessKey ?? '', 'base64')
}

/** Regenerates a key and gives the new one. */
export async function regenerateKey(
  world: World,
  place: Place,
  body: { readonly keyType: string; readonly overlapMinutes?: number },
): Promise<Buffer> {
  const path = resourcePath(place, '/regenerateKey')
  const answer = await control(world, { method: 'POST', path, body })
  assert.equal(answer.status, 200)
  const { primaryKey, secondaryKey } = answer.body
  return Buffer.from(primaryKey ?? secondaryKey ?? '', 'base64')
}
