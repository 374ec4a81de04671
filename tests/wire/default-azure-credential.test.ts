/**
 * `DefaultAzureCredential` as an application has it, configured by nothing but the environment,
 * with an authority of one's own. Each program is a process, since it reads its environment once.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseEnv, promisify } from 'node:util'
import { fencesOf, readPage } from '../documents/markdown.ts'
import { communicationAudience, type Issuer, startIssuer } from '../issuer.ts'
import {
  inheritedEnvironment,
  repositoryRoot,
  type ServerProcess,
  startServer,
} from '../server-process.ts'
import { serverFolder } from './environment.ts'
import { areLive, tierFolder } from './the-server.ts'

const programLimitMs = 30_000

/** The programs of the guide in their order: two for an own authority, and one for Entra ID. */
const [ownProgram = '', managementProgram = '', entraProgram = ''] = fencesOf(
  readPage('docs/guides/entra.md'),
)
  .filter(({ language }) => language === 'js')
  .map(({ code }) => code)

/** Does one thing, and prints what came of it. */
const stepProgram = `
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { DefaultAzureCredential } from '@azure/identity'
const [, endpoint, step, communicationUserId] = process.argv
const client = new CommunicationIdentityClient(endpoint, new DefaultAzureCredential())
const user = { communicationUserId }
const steps = {
  create: () => client.createUserAndToken(['chat', 'voip']),
  issue: () => client.getToken(user, ['chat']),
  revoke: () => client.revokeTokens(user),
  delete: () => client.deleteUser(user),
}
try {
  console.log(JSON.stringify((await steps[step]()) ?? {}))
} catch ({ name, statusCode, code }) {
  console.log(JSON.stringify({ name, statusCode, code }))
}
`

describe('DefaultAzureCredential 4.13.1, with an authority of its own,', () => {
  let issuer: Issuer
  let server: ServerProcess
  const asked: string[] = []
  const certificates = join(tierFolder(), serverFolder, 'tls')
  const caFile = join(certificates, 'ca.pem')

  before(async () => {
    const [cert, key, ca] = ['server.pem', 'server.key', 'ca.pem'].map((name) =>
      readFileSync(join(certificates, name), 'utf8'),
    ) as [string, string, string]
    const tls = { cert, key, ca }
    const place = { hostname: 'localhost', path: '/adfs', tokenPath: '/oauth2/token' }
    issuer = await startIssuer({ tls, ...place, claims: { roles: ['Owner', 'reader'] } })
    issuer.intercept(({ method, url = '' }) => {
      asked.push(`${method} ${url.split('?', 1)[0]}`)
      return false
    })
    const dataDir = join(tierFolder(), 'trusting')
    mkdirSync(dataDir, { mode: 0o711 })
    const audiences = [communicationAudience, 'api://parley']
    const trusted = audiences.map((audience) => ({ issuer: issuer.issuer, audience }))
    server = await startServer({
      dataDir,
      settings: {
        PARLEY_TLS_CERTIFICATE: join(certificates, 'server.pem'),
        PARLEY_TLS_KEY: join(certificates, 'server.key'),
        PARLEY_TRUSTED_ISSUERS: JSON.stringify(trusted),
        NODE_EXTRA_CA_CERTS: caFile,
      },
    })
  })
  after(async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    await issuer.stop()
  })

  /** Runs a program with what an application has in its environment, and gives what it prints. */
  async function run(
    program: string,
    words: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const node = ['--input-type=module', '--eval', program, ...words]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, node, {
      cwd: join(repositoryRoot, 'tests'),
      env: {
        ...inheritedEnvironment(),
        NODE_EXTRA_CA_CERTS: caFile,
        AZURE_AUTHORITY_HOST: new URL(issuer.issuer).origin,
        AZURE_TENANT_ID: 'adfs',
        AZURE_CLIENT_ID: issuer.client.clientId,
        AZURE_CLIENT_SECRET: issuer.client.clientSecret,
        ...environment,
      },
      timeout: programLimitMs,
    })
    assert.equal(stderr, '')
    return stdout
  }

  /** Runs one step of the step program. */
  async function step(...words: readonly string[]) {
    return JSON.parse(await run(stepProgram, [server.endpoint, ...words]))
  }

  test('creates an identity and its token, revokes it, and deletes the identity', async () => {
    const { user, token } = await step('create')
    const id: string = user.communicationUserId
    assert.deepEqual(await areLive(server, [token]), [true])
    assert.deepEqual(await step('revoke', id), {})
    assert.deepEqual(await areLive(server, [token]), [false])
    const next = await step('issue', id)
    assert.deepEqual(await areLive(server, [next.token]), [true])
    assert.deepEqual(await step('delete', id), {})
    assert.deepEqual(await areLive(server, [next.token]), [false])
    const refused = { name: 'RestError', statusCode: 401, code: 'IdentityNotOwned' }
    assert.deepEqual(await step('issue', id), refused)
  })

  test('asks it for two things, where it would ask AD FS for them', async () => {
    asked.length = 0
    await step('create')
    const ofClient = ['GET /adfs/.well-known/openid-configuration', 'POST /adfs/oauth2/token']
    assert.deepEqual(asked, ofClient)
  })

  test('runs the program of the guide', async () => {
    const printed = await run(programAsEval(ownProgram), [server.endpoint])
    assert.match(printed, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36} \d{4}-\d\d-\d\dT[\d:.]+Z\n$/)
  })

  test('runs the program of the guide that lists resources', async () => {
    const { PARLEY_SUBSCRIPTION_ID: id = '' } = parseEnv(
      readFileSync(server.banner.environmentFile, 'utf8'),
    )
    const printed = await run(programAsEval(managementProgram), [server.endpoint, id])
    assert.match(printed, new RegExp(`^/subscriptions/${id}/\\S+/communicationServices/parley\n$`))
  })

  test('runs the program of the guide that asks for an application of its own', async () => {
    const printed = await run(programAsEval(entraProgram), [server.endpoint])
    assert.match(printed, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}\n$/)
  })

  test('learns from a program of somebody else that it is refused', async () => {
    const program = programAsEval(entraProgram)
    const words = [server.endpoint, 'api://somebody/.default']
    await assert.rejects(run(program, words), /RestError: Denied by the resource provider\./)
  })

  test('learns that its secret is wrong', async () => {
    const program = programAsEval(ownProgram)
    const wrong = { AZURE_CLIENT_SECRET: 'wrong' }
    await assert.rejects(run(program, [server.endpoint], wrong), /invalid_client/)
  })
})

/** A program that is given by `--eval` has no file in `process.argv`. */
function programAsEval(program: string): string {
  const inFile = 'const [, , endpoint'
  assert.ok(program.includes(inFile))
  return program.replace(inFile, 'const [, endpoint')
}
