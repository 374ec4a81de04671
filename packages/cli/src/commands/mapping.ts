import { readFileSync } from 'node:fs'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { type ConnectionString, fail, ok, printConnectionString } from '@parley/protocol'
import {
  createMapping,
  type Finding,
  type Mapping,
  type Pattern,
  type UsersColumn,
} from '@parley/trusted-service'
import { Option } from 'commander'
import type { Ask } from '../api.ts'
import { openAppDatabase } from '../app-database.ts'
import type { Act, CommandWords } from '../command.ts'
import { connectionOf } from '../environment.ts'
import { CliFailure } from '../faults.ts'
import { createProgress } from '../output.ts'

const patterns: readonly Pattern[] = ['one-to-one', 'many-to-one', 'one-to-many', 'many-to-many']

/** `parley mapping doctor`. */
export const mappingCommands: readonly CommandWords[] = [
  {
    name: 'doctor',
    summary: "Compare an app's mapping with the service, and mend what does not agree",
    options: [
      new Option('--database <url>', 'postgresql://..., mysql://... or sqlite:<path>')
        .env('DATABASE_URL')
        .makeOptionMandatory(),
      new Option('--pattern <name>', 'of the mapping').choices(patterns).default('one-to-one'),
      new Option('--users-column <table.id.column>', 'where the link stands in a users table'),
      new Option('--users-ids <type>', 'what its id column holds')
        .choices(['text', 'number'])
        .default('text'),
      new Option('--repair', 'mend what can be mended'),
    ],
    examples: ['parley mapping doctor --database sqlite:app.db', 'parley mapping doctor --repair'],
    act: (_, options) => doctor(options as unknown as DoctorOptions),
  },
]

interface DoctorOptions {
  readonly database: string
  readonly pattern: Pattern
  readonly usersColumn?: string
  readonly usersIds: 'text' | 'number'
  readonly repair?: true
}

interface Diagnosis {
  readonly finding: Finding
  readonly repaired: boolean
}

function doctor(options: DoctorOptions): Act {
  return async ({ world, surroundings, place, owner }) => {
    const column = readColumn(options)
    const connection = connectionOf(surroundings, place)
    if (!connection.ok) return connection
    const ask = owner()
    if (!ask.ok) return ask
    const caFile = surroundings.variables['NODE_EXTRA_CA_CERTS']
    const service = clientOf(connection.value, caFile)
    const { db, dialect } = await openAppDatabase(options.database)
    try {
      const shared = { db, dialect, pattern: options.pattern, service, now: world.now }
      const mapping = createMapping({ ...shared, ...(column === undefined ? {} : { column }) })
      const progress = createProgress(world, 'findings')
      const found = await examine(mapping, {
        isThere: (identity) => isThere(ask.value, identity),
        isRepaired: options.repair === true,
        onFound: progress.show,
      })
      progress.end()
      return ok({
        json: { findings: found.map(({ finding, repaired }) => ({ ...finding, repaired })) },
        text: found.length === 0 ? 'Mapping and service agree.' : found.map(lineOf).join('\n'),
        exitCode: found.every(({ repaired }) => repaired) ? 0 : 1,
      })
    } catch (error) {
      if (error instanceof CliFailure) throw error
      return fail({ kind: 'usage', message: `the mapping cannot be read: ${messageOf(error)}` })
    } finally {
      await db.destroy()
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function readColumn({ usersColumn, usersIds: ids }: DoctorOptions): UsersColumn | undefined {
  if (usersColumn === undefined) return undefined
  const [, table, idColumn, column] = /^(.+)\.([^.]+)\.([^.]+)$/.exec(usersColumn) ?? []
  if (table && idColumn && column) return { table, idColumn, column, ids }
  throw new CliFailure({
    kind: 'usage',
    message: '--users-column is <table>.<column of the id>.<column of the identity>',
  })
}

function clientOf(
  connection: ConnectionString,
  caFile: string | undefined,
): CommunicationIdentityClient {
  const tlsOptions = caFile ? { tlsOptions: { ca: readFileSync(caFile, 'utf8') } } : {}
  return new CommunicationIdentityClient(printConnectionString(connection), {
    ...tlsOptions,
    allowInsecureConnection: connection.endpoint.startsWith('http:'),
  })
}

async function examine(
  mapping: Mapping,
  how: {
    readonly isThere: (identity: string) => Promise<boolean>
    readonly isRepaired: boolean
    readonly onFound: (count: number) => void
  },
): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = []
  for await (const finding of mapping.examine({ isThere: how.isThere })) {
    const repaired = how.isRepaired && (await mapping.repair(finding))
    found.push({ finding, repaired })
    how.onFound(found.length)
  }
  return found
}

/** Asks without issuing anything; another refusal than "not yours" is no answer to this. */
async function isThere(ask: Ask, identity: string): Promise<boolean> {
  const path = `/identities/${encodeURIComponent(identity)}?api-version=2026-09-23`
  const found = await ask({ method: 'GET', path })
  if (found.ok) return true
  if (found.fault.code === 'IdentityNotOwned') return false
  throw new CliFailure(found.fault)
}

function lineOf({ finding, repaired }: Diagnosis): string {
  return `${wordsFor(finding)}${repaired ? ' Mended.' : ''}`
}

function wordsFor(finding: Finding): string {
  switch (finding.kind) {
    case 'dead-link':
      return `dead link: ${finding.link.user} is linked to ${finding.link.identity}, which is gone.`
    case 'unrecorded': {
      const { user, identity } = finding.link
      return `unrecorded: the link of ${user} to ${identity} was made by hand.`
    }
    case 'double': {
      const users = finding.links.map(({ user }) => user).join(', ')
      return `double: ${finding.identity} is linked to ${users}. People decide whose it is.`
    }
    case 'orphan':
      return `orphan: nobody is linked to ${finding.identity}.`
    case 'stray':
      return `stray: the mapping does not know ${finding.identity}.`
  }
}
