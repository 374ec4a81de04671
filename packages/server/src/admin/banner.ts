import type { Reachable } from './reachable.ts'

/**
 * What a start prints on standard output: the connection string, the line that trusts the
 * development certificate, and a program to paste.
 *
 * @param environmentFile - path of `parley.env`.
 */
export function bannerText(reachable: Reachable, environmentFile: string): string {
  const { caFile, httpEndpoint } = reachable
  const trust =
    caFile === undefined
      ? []
      : ['Trust its certificate:', '', `export NODE_EXTRA_CA_CERTS=${shellWord(caFile)}`, '']
  const plain = httpEndpoint === undefined ? [] : [`Plain http, on loopback only: ${httpEndpoint}`]
  return [
    '',
    ...resourceLines(reachable, trust, environmentFile),
    '',
    `All of this, for scripts: ${environmentFile}`,
    ...plain,
    'Stop with Ctrl+C.',
    '',
    '',
  ].join('\n')
}

function resourceLines(
  reachable: Reachable,
  trust: readonly string[],
  environmentFile: string,
): readonly string[] {
  const { connectionString } = reachable
  if (connectionString === undefined) {
    return [
      'Parley is running, and has no resource. To create one:',
      '',
      ...creationLines(reachable, environmentFile).map((line) => `    ${line}`),
    ]
  }
  return [
    'Parley is running. Connection string:',
    '',
    connectionString,
    '',
    ...trust,
    'After `npm install @azure/communication-identity`, save and run as program.mjs:',
    '',
    ...programLines(connectionString).map((line) => `    ${line}`),
  ]
}

/** For a shell: a GUID, made by what the server runs on. */
const newId = "$(node -p 'crypto.randomUUID()')"

/** Both requests can be sent again: they say what there is to be. */
function creationLines(reachable: Reachable, environmentFile: string): readonly string[] {
  const { caFile, subscriptionId } = reachable
  const trust = caFile === undefined ? '' : ' --cacert "$NODE_EXTRA_CA_CERTS"'
  return [
    `. ${shellWord(environmentFile)}`,
    `subscription="\${PARLEY_ADMIN_ENDPOINT}subscriptions/${subscriptionId ?? newId}"`,
    `services=providers/Microsoft.Communication/communicationServices`,
    'put() {',
    `  curl -sS${trust} -X PUT "$1" -d "$2" \\`,
    `    -H "Authorization: Bearer $PARLEY_ADMIN_TOKEN" -H 'Content-Type: application/json'`,
    '}',
    `put "$subscription?api-version=2022-12-01" '{}'`,
    `put "$subscription/resourceGroups/parley/$services/parley?api-version=2025-09-01" \\`,
    `  '{"properties":{"dataLocation":"United States"}}'`,
  ]
}

function programLines(connectionString: string): readonly string[] {
  return [
    "import { CommunicationIdentityClient } from '@azure/communication-identity'",
    `const client = new CommunicationIdentityClient('${connectionString}')`,
    "const { user, token, expiresOn } = await client.createUserAndToken(['chat', 'voip'])",
    'console.log(user.communicationUserId)',
    'console.log(token, expiresOn)',
  ]
}

/** Quotes what a shell would cut; most paths stay as they are. */
function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
