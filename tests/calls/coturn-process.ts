/**
 * A coturn of a test's own, as `docs/guides/relay.md` says to run one, but that relays to this
 * network's own addresses, since there are no others.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from '@parley/server/database/connect'
import { namespaceAddress } from '../tiers/namespace.ts'
import { type Daemon, freePort, newFolder, startDaemon } from './daemons.ts'

/** Where a coturn will be, chosen before the server that is told of it. */
export interface CoturnPlace {
  readonly port: number
  readonly commandLinePort: number
  /** Settings of the server for it. */
  readonly variables: Readonly<Record<string, string>>
}

/** The password of its command line. */
export const commandLinePassword = 'a-cli-password'
const realm = 'tests.parley'

/** Chooses a place. */
export async function chooseCoturnPlace(): Promise<CoturnPlace> {
  const [port, commandLinePort] = [await freePort(), await freePort()]
  const address = `turn:${namespaceAddress}:${port}`
  return {
    port,
    commandLinePort,
    variables: {
      PARLEY_TURN_URLS: `${address}?transport=udp,${address}?transport=tcp`,
      PARLEY_TURN_REALM: realm,
      PARLEY_TURN_CLI: `127.0.0.1:${commandLinePort}`,
      PARLEY_TURN_CLI_PASSWORD: commandLinePassword,
    },
  }
}

/** Starts one that finds its users in a database. */
export async function startCoturn(place: CoturnPlace, db: Database): Promise<Daemon> {
  const folder = newFolder('coturn')
  const file = join(folder, 'turnserver.conf')
  writeFileSync(file, configuration(place, await openAccount(db), folder))
  return startDaemon({
    program: 'coturn',
    given: ['-c', file],
    ready: /PostgreSQL DB connection success/,
    folder,
  })
}

/** Makes the account of coturn; gives how it finds the database. */
async function openAccount(db: Database): Promise<string> {
  await db.unsafe(`
    create role parley_coturn login;
    grant usage on schema parley_turn to parley_coturn;
    grant select on all tables in schema parley_turn to parley_coturn;
    alter role parley_coturn set search_path = parley_turn;
  `)
  const { host, port, database } = db.options
  return `host=${host[0]} port=${port[0]} dbname=${database} user=parley_coturn connect_timeout=5`
}

function configuration(place: CoturnPlace, database: string, folder: string): string {
  return `listening-ip=${namespaceAddress}
relay-ip=${namespaceAddress}
listening-port=${place.port}
min-port=32000
max-port=32999
realm=${realm}
lt-cred-mech
psql-userdb=${database}
cli-ip=127.0.0.1
cli-port=${place.commandLinePort}
cli-password=${commandLinePassword}
allow-loopback-peers
no-tls
no-dtls
no-multicast-peers
no-software-attribute
stale-nonce=600
pidfile=${join(folder, 'turnserver.pid')}
log-file=stdout
simple-log
`
}
