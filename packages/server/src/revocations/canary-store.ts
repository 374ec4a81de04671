import type { Database } from '../database/connect.ts'
import { insertIdentities } from '../identities/store.ts'
import { defaultSettings, type Resource } from '../resources/model.ts'
import { insertResource } from '../resources/store.ts'

/**
 * The resource that canaries live in, the same for all nodes of a database.
 *
 * It has no access keys, and its subscription is one that is deleted from its birth on, so neither
 * the control plane nor a node that starts ever lists or finds it. Its name cannot be asked for.
 */
export const canaryResource: Resource = {
  resourceId: '00000000-0000-4000-8000-00000000ca9a',
  subscriptionId: '',
  resourceGroup: 'parley',
  name: '_canary',
  dataLocation: 'Europe',
  isLocalAuthDisabled: true,
  isSubscriptionEnabled: true,
}

/** What is made once for a database, and once for each process that needs it. */
export interface NewCanary {
  /** Of the subscription, where there is none yet. */
  readonly subscriptionId: string
  readonly identityId: string
  readonly atMs: number
}

const identityKeptMs = 24 * 60 * 60 * 1000

/**
 * Makes an identity whose tokens are issued and revoked, and what it needs; takes away those of
 * processes that are long gone. Nobody acted, so nothing of it is in the audit log.
 */
export async function insertCanary(db: Database, canary: NewCanary): Promise<void> {
  const { identityId, atMs } = canary
  const { resourceId } = canaryResource
  await db.begin(async (transaction) => {
    // One at a time: of two nodes that start together the second finds what the first has made.
    await transaction`select from installation for update`
    const found = await transaction`select from resource where resource_id = ${resourceId}`
    if (found.length === 0) await insertCanaryResource(transaction, canary)
    await insertIdentities(transaction, resourceId, { identityIds: [identityId], atMs })
    await transaction`
      delete from identity
      where resource_id = ${resourceId}
      and created_at < ${new Date(atMs - identityKeptMs)}
      and not exists (
        select
        from access_token as token
        where token.resource_id = ${resourceId}
        and token.identity_id = identity.identity_id
      )
    `
  })
}

async function insertCanaryResource(
  db: Parameters<typeof insertResource>[0],
  { subscriptionId, atMs }: NewCanary,
): Promise<void> {
  const bornAt = new Date(atMs)
  await db`
    insert into subscription (subscription_id, display_name, created_at, deleted_at)
    values (${subscriptionId}, 'canary', ${bornAt}, ${bornAt})
  `
  await insertResource(db, {
    ...defaultSettings,
    ...canaryResource,
    subscriptionId,
    createdBy: 'server',
    createdAtMs: atMs,
    updatedBy: 'server',
    updatedAtMs: atMs,
  })
}

/** Tells every node of this database, this one among them, over the channel of the log. */
export async function tellNodes(db: Database, text: string): Promise<void> {
  await db`select pg_notify('parley_event', ${text})`
}
