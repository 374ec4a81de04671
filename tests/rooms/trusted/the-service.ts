/** Parley as the app's server sees it: through the official client, over plain http on loopback. */
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { customIdPolicy, type IdentityService } from '@parley/trusted-service'
import { newDataDir, startWorld, type Tenant, type World } from '../../world.ts'

/** A resource, the client that an app has of it, and a look behind. */
export interface Service {
  readonly client: IdentityService
  readonly tenant: Tenant
  /** The names of all identities that the resource has, sorted. */
  readonly identities: () => Promise<readonly string[]>
  readonly world: World
}

let started: Promise<World> | undefined

/** A resource of its own on the one server of these tests. */
export async function newService(): Promise<Service> {
  started ??= startWorld(newDataDir())
  const world = await started
  const tenant = await world.createTenant()
  const { resourceId } = tenant
  const key = tenant.primaryKey.toString('base64')
  const client = new CommunicationIdentityClient(`endpoint=${world.origin}/;accesskey=${key}`, {
    allowInsecureConnection: true,
    additionalPolicies: [customIdPolicy],
    retryOptions: { maxRetries: 0 },
  })
  const identities = async () => {
    const rows = await world.db<{ name: string }[]>`
      select '8:acs:' || resource_id || '_' || identity_id as name from identity
      where resource_id = ${resourceId} order by name`
    return rows.map(({ name }) => name)
  }
  return { client, tenant, identities, world }
}
