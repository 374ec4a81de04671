/**
 * A coturn of a test's own, with the file and the account that `docs/guides/relay.md` tells
 * operators to make. Only places differ, and that this network's own addresses are relayed to:
 * there are no others.
 */
import { readFileSync, writeFileSync } from 'node:fs'
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

const guide = readFileSync(
  join(import.meta.dirname, '..', '..', '..', 'docs', 'guides', 'relay.md'),
  'utf8',
)

function blockOf(language: string): string {
  const block = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(guide)?.[1]
  if (block === undefined) throw new Error(`the guide has no block of ${language}`)
  return block
}

/** Makes the account of coturn; gives how it finds the database. */
async function openAccount(db: Database): Promise<string> {
  await db.unsafe(blockOf('sql'))
  const { host, port, database } = db.options
  const password = /password '([^']+)'/.exec(blockOf('sql'))?.[1]
  const account = `user=parley_coturn password=${password}`
  return `host=${host[0]} port=${port[0]} dbname=${database} ${account} connect_timeout=5`
}

/** Settings that only a public relay has. */
const leftOut = /^(?:denied-peer-ip=(?:10\.|127\.)|tls-listening-port=|cert=|pkey=|no-tlsv1)/

function configuration(place: CoturnPlace, database: string, folder: string): string {
  const here: Readonly<Record<string, string>> = {
    'listening-ip': namespaceAddress,
    'relay-ip': namespaceAddress,
    'listening-port': String(place.port),
    'min-port': '32000',
    'max-port': '32999',
    realm,
    'psql-userdb': database,
    'cli-port': String(place.commandLinePort),
    'cli-password': commandLinePassword,
  }
  const lines = blockOf('conf')
    .split('\n')
    .filter((line) => !leftOut.test(line))
    .map((line) => {
      const [name = ''] = line.split('=', 1)
      return here[name] === undefined ? line : `${name}=${here[name]}`
    })
  return [...lines, 'no-tls', 'no-dtls', `pidfile=${join(folder, 'turnserver.pid')}`, ''].join('\n')
}
