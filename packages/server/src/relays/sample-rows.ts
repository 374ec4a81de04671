import type { Database } from '../database/connect.ts'

/** Stores, for tests, a relay user of every identity, and a policy. */
export async function insertSampleRelays(
  sql: Database,
  resourceId: string,
  { now, later }: { readonly now: Date; readonly later: Date },
): Promise<void> {
  await sql`
    insert into relay_user (
      resource_id, user_name, realm, hmac_key, identity_id, identity_generation, created_at,
      expires_at)
    select
      ${resourceId}, md5(identity_id::text), 'parley', md5(identity_id::text), identity_id,
      generation, ${now}, ${later}
    from identity where resource_id = ${resourceId}`
  await sql`
    insert into relay_policy (resource_id, hides_addresses) values (${resourceId}, true)`
}
