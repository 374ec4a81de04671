import { readFileSync } from 'node:fs'
import { connectDatabase, type Database } from '@parley/server/database/connect'
import { database, username } from '@parley/server/database/embedded/settings'
import type { AccountedServer } from './processes.ts'

/** Long enough for a statement that inserts a million rows. */
const statementTimeoutMs = 600_000

/**
 * Connects to the embedded database of a server that runs, for rows in such numbers that making
 * them one by one would take longer than what is measured.
 */
export async function openDatabaseOf(
  server: AccountedServer,
  connectionsMax = 1,
): Promise<Database> {
  const [, , , port, host = ''] = readFileSync(server.postmasterPidFile ?? '', 'utf8').split('\n')
  const connection = { host, port: Number(port), username, database }
  const address = { kind: 'embedded', connection } as const
  const connected = await connectDatabase({ address, connectionsMax, statementTimeoutMs })
  if (!connected.ok) throw new Error(connected.fault.message)
  return connected.value
}

/** How many rows a resource is given. */
export interface Bulk {
  readonly identities: number
  /** Tokens in all, each of an identity of its own as far as there are enough. */
  readonly tokens: number
}

/** Gives a resource identities and ledger rows of tokens that live for an hour. */
export async function insertBulk(db: Database, resourceId: string, bulk: Bulk): Promise<void> {
  await db`
    insert into identity (resource_id, identity_id, created_at)
    select ${resourceId}, gen_random_uuid(), now()
    from generate_series(1, ${bulk.identities}::integer)
  `
  await db`
    insert into access_token (
      resource_id, identity_id, jti, scopes,
      access_key_slot, access_key_generation, issued_at, expires_at
    )
    select
      ${resourceId}, identity_id, gen_random_uuid(), 1,
      'primary', 1, now(), now() + interval '23 hours'
    from (
      select identity_id
      from identity
      where resource_id = ${resourceId}
      limit ${Math.min(bulk.tokens, bulk.identities)}::integer
    ) as holder
    cross join generate_series(1, ${Math.ceil(bulk.tokens / bulk.identities)}::integer)
  `
  // What a server of some age has: a planner that knows its tables, and a log that is written out.
  await db`analyze identity, access_token`
  await db`checkpoint`
}
