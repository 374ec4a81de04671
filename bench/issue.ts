import { join } from 'node:path'
import type { Endpoint } from './connection.ts'
import { type Bench, type Claim, type Contender, compare, differences, ratios } from './harness.ts'
import { assertActive } from './introspection.ts'
import type { Sample } from './load.ts'
import { createIdentities, fetchKeys } from './population.ts'
import { createWorkDirectory, type ParleyServer, startBare, startParley } from './servers.ts'
import { checkIssued, issueRequest, tokenOf } from './tokens.ts'
import { bareIssuing, peerGranting, requestsPerRound } from './yardsticks.ts'

/**
 * Issuing a token over HTTP: access key checked, identity read from PostgreSQL, ledger row durable,
 * signed with ES256; validation, log and metrics on, nothing of the server switched off.
 *
 * It is dearer in kind than the bare handler, which keeps nothing and asks nobody, and may still
 * cost no more: what arrives in one turn of the loop goes through signing and database together.
 */
export async function measureIssue(bench: Bench): Promise<Claim[]> {
  const connections = 32
  const work = createWorkDirectory()
  const dataDirectory = join(work.path, 'data')
  const [bare, granting] = await Promise.all([
    startBare({ work: 'check-and-sign', protocol: 'http:' }),
    peerGranting(connections),
  ])
  let parley = await startParley(dataDirectory)
  try {
    const identities = await createIdentities(bench, parley, requestsPerRound)
    const issued: string[] = []
    const common = { parley, identities, issued, connections }
    const [plain, tls, bareSeries, grant] = await compare(bench, [
      await parleyIssuing({ ...common, endpoint: parley.http }),
      await parleyIssuing({ ...common, endpoint: parley.https }),
      await bareIssuing(bare, connections),
      granting.contender,
    ])
    await parley.crash()
    parley = await startParley(dataDirectory)
    await assertActive(bench, parley, issued)
    bench.note(`  after kill -9 and a restart: ${issued.length} of ${issued.length} tokens active`)
    const at = `at ${connections} connections`
    return [
      { text: `issue / bare, ${at}`, figures: ratios(plain, bareSeries), unit: 'x', limit: 1 },
      {
        text: `issue / oidc-provider, ${at}`,
        figures: ratios(plain, grant),
        unit: 'x',
        limit: 1 / 3,
      },
      { text: `issue, https adds, ${at}`, figures: differences(tls, plain), unit: 'us', limit: 10 },
    ]
  } finally {
    await Promise.all([parley, bare, granting.peer].map((server) => server.stop()))
    work.remove()
  }
}

/** A server that issues tokens, each for another identity. */
export async function parleyIssuing(options: {
  readonly parley: ParleyServer
  readonly endpoint: Endpoint
  readonly identities: readonly string[]
  /** Takes the tokens of the samples. */
  readonly issued: string[]
  readonly connections: number
  /** What tells it from others in the report. */
  readonly label?: string
}): Promise<Contender> {
  const { parley, endpoint, identities, issued, connections, label = '' } = options
  const keys = await fetchKeys(parley)
  return {
    name: `Parley ${endpoint.protocol.slice(0, -1)}${label}: issue, ${connections} connections`,
    server: parley,
    endpoint,
    connections,
    expectedStatus: 200,
    prepare: () => identities.map((id) => issueRequest(endpoint, parley.accessKey, id)),
    check: async (samples: readonly Sample[]) => {
      await checkIssued(samples, identities, keys)
      issued.push(...samples.map(({ body }) => tokenOf(body)))
    },
  }
}
