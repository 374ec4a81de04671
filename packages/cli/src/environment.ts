import { join } from 'node:path'
import {
  type ConnectionString,
  fail,
  ok,
  parseConnectionString,
  type Result,
} from '@parley/protocol'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import type { CliFault } from './faults.ts'
import type { CliWorld } from './world.ts'

/**
 * Where a command finds its server: variables of the environment, else those of `parley.env`, which
 * every server writes into its data directory. So on the machine of the server nothing is to be
 * set, and elsewhere a connection string is enough.
 */
export interface Surroundings {
  readonly variables: Readonly<Record<string, string | undefined>>
  /** The file that was read. */
  readonly file: string | undefined
}

/** The administrator's access to a server. */
export interface AdminAccess {
  /** With a slash at its end. */
  readonly endpoint: string
  readonly token: string
  readonly subscriptionId: string
  readonly resourceGroup: string
}

/** Options that say where the server is. */
export interface PlaceOptions {
  readonly connectionString?: string
  readonly envFile?: string
}

/** Reads the environment, and `parley.env` where it is not said or where the options say. */
export function readSurroundings(
  world: Pick<CliWorld, 'env' | 'readFile'>,
  options: PlaceOptions,
): Result<Surroundings, CliFault> {
  const { env } = world
  const path = options.envFile ?? join(env['PARLEY_DATA_DIR'] || '.parley', 'parley.env')
  const text = world.readFile(path)
  if (text === undefined && options.envFile !== undefined) {
    return fail({ kind: 'usage', message: `there is no file ${path}` })
  }
  const fromFile = text === undefined ? {} : parseEnvironmentFile(text)
  // A file that was named goes before the environment, one that happens to lie there behind it.
  const variables =
    options.envFile === undefined ? { ...fromFile, ...present(env) } : { ...env, ...fromFile }
  return ok({ variables, file: text === undefined ? undefined : path })
}

function present(env: CliWorld['env']): CliWorld['env'] {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value))
}

/** The resource that the command is about, and the key that opens it. */
export function connectionOf(
  { variables }: Surroundings,
  options: PlaceOptions,
): Result<ConnectionString, CliFault> {
  const text =
    options.connectionString ?? variables['COMMUNICATION_SERVICES_CONNECTION_STRING'] ?? ''
  if (text === '') return fail(missing('a connection string'))
  const connection = parseConnectionString(text)
  if (connection !== undefined) return ok(connection)
  return fail({
    kind: 'usage',
    message: 'the connection string cannot be read',
    hint: 'It looks like endpoint=https://host/;accesskey=... ; quote it, it has a semicolon.',
  })
}

/** The administrator's access, which keys and resources need. */
export function adminAccessOf({ variables }: Surroundings): Result<AdminAccess, CliFault> {
  const {
    PARLEY_ADMIN_ENDPOINT: endpoint,
    PARLEY_ADMIN_TOKEN: token,
    PARLEY_SUBSCRIPTION_ID: subscriptionId = '',
    PARLEY_RESOURCE_GROUP: resourceGroup = 'parley',
  } = variables
  if (!endpoint || !token) return fail(missing('PARLEY_ADMIN_ENDPOINT and PARLEY_ADMIN_TOKEN'))
  return ok({ endpoint, token, subscriptionId, resourceGroup })
}

function missing(what: string): CliFault {
  return {
    kind: 'usage',
    message: `${what} is needed, and neither the environment nor parley.env has it`,
    hint:
      'Run this where the server was started, name its file with --env-file <dir>/parley.env, ' +
      'or start a server: parley start',
  }
}
