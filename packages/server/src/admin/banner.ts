import type { Reachable } from './reachable.ts'

/**
 * What a start prints on standard output: the connection string, the line that trusts the
 * development certificate, and a program to paste.
 *
 * @param environmentFile - path of `parley.env`.
 */
export function bannerText(reachable: Reachable, environmentFile: string): string {
  const { connectionString, caFile, httpEndpoint } = reachable
  const trust =
    caFile === undefined
      ? []
      : ['Trust its certificate:', '', `export NODE_EXTRA_CA_CERTS=${shellWord(caFile)}`, '']
  const plain = httpEndpoint === undefined ? [] : [`Plain http, on loopback only: ${httpEndpoint}`]
  return [
    '',
    'Parley is running. Connection string:',
    '',
    connectionString,
    '',
    ...trust,
    'After `npm install @azure/communication-identity`, save and run as program.mjs:',
    '',
    ...programLines(connectionString).map((line) => `    ${line}`),
    '',
    `All of this, for scripts: ${environmentFile}`,
    ...plain,
    'Stop with Ctrl+C.',
    '',
    '',
  ].join('\n')
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
