import type { Queries, Transaction } from '../database/connect.ts'
import { emptySipConfiguration, type SipConfiguration } from './sip-configuration.ts'

/** Finds the trunks and routes of a resource. */
export async function findSip(db: Queries, resourceId: string): Promise<SipConfiguration> {
  const [row] = await db<SipConfiguration[]>`
    select trunks, routes
    from sip_configuration
    where resource_id = ${resourceId}
  `
  return row ?? emptySipConfiguration
}

/**
 * Holds a resource against other changes of its phones, and against calls to them, until the
 * transaction is over; false when it is deleted.
 */
export async function lockPhones(db: Transaction, resourceId: string): Promise<boolean> {
  const rows = await db`
    select pg_advisory_xact_lock(hashtextextended('phones' || resource_id::text, 0))
    from resource_standing
    where resource_id = ${resourceId}
    and standing = 'live'
  `
  return rows.length > 0
}

/** Stores the trunks and routes of a resource that is held. */
export async function upsertSip(
  db: Transaction,
  resourceId: string,
  { trunks, routes }: SipConfiguration,
): Promise<void> {
  await db`
    insert into sip_configuration (resource_id, trunks, routes)
    values (
      ${resourceId}, ${JSON.stringify(trunks)}::text::json, ${JSON.stringify(routes)}::text::json
    )
    on conflict (resource_id) do update
    set trunks = excluded.trunks, routes = excluded.routes
  `
}
