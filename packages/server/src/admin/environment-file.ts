import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Reachable } from './reachable.ts'

/**
 * Writes `parley.env` into the data directory, mode 0600: readable by a shell (`set -a`, then
 * `.`) and by tools that take such files. It is replaced whole, so that no reader sees half of it.
 */
export async function writeEnvironmentFile(dataDir: string, reachable: Reachable): Promise<string> {
  const lines = Object.entries(variablesOf(reachable))
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${quote(String(value))}\n`)
  const path = join(dataDir, 'parley.env')
  const temporary = `${path}.new`
  await writeFile(temporary, lines.join(''), { mode: 0o600 })
  await rename(temporary, path)
  return path
}

function variablesOf(reachable: Reachable): Readonly<Record<string, string | undefined>> {
  return {
    COMMUNICATION_SERVICES_CONNECTION_STRING: reachable.connectionString,
    COMMUNICATION_SERVICES_SECONDARY_CONNECTION_STRING: reachable.secondaryConnectionString,
    NODE_EXTRA_CA_CERTS: reachable.caFile,
    PARLEY_ADMIN_ENDPOINT: reachable.adminEndpoint,
    PARLEY_ADMIN_TOKEN: reachable.adminToken,
    PARLEY_SUBSCRIPTION_ID: reachable.subscriptionId,
    PARLEY_RESOURCE_GROUP: reachable.resourceGroup,
    PARLEY_RESOURCE_NAME: reachable.resourceName,
    PARLEY_JWKS_URL: reachable.jwksUrl,
    PARLEY_HTTP_ENDPOINT: reachable.httpEndpoint,
  }
}

/** Single quotes: a connection string has a semicolon, at which a shell would cut it. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}

/** Reads the text of `parley.env` back into its variables; lines of other forms are passed over. */
export function parseEnvironmentFile(text: string): Readonly<Record<string, string>> {
  const found = [...text.matchAll(/^([A-Z_]+)='(.*)'$/gm)]
  return Object.fromEntries(
    found.map(([, name = '', quoted = '']) => [name, quoted.replaceAll("'\\''", "'")]),
  )
}
