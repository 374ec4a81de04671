import { join } from 'node:path'
import { type Bench, type Claim, type Contender, compare, ratios } from './harness.ts'
import { createRequest, identityOf, issueTokens } from './population.ts'
import { createWorkDirectory, type ParleyServer, startBare, startParley } from './servers.ts'
import { bareIssuing, requestsPerRound } from './yardsticks.ts'

/**
 * Creating an identity, durable in PostgreSQL before it is answered, against the bare handler
 * issuing a token that it does not keep. At the end the server and its database are killed and
 * every identity of the sample must have outlived that.
 */
export async function measureCreate(bench: Bench): Promise<Claim[]> {
  const connections = 32
  const work = createWorkDirectory()
  const dataDirectory = join(work.path, 'data')
  const bare = await startBare({ work: 'check-and-sign', protocol: 'http:' })
  let parley = await startParley(dataDirectory)
  try {
    const created: string[] = []
    const [creating, issuing] = await compare(bench, [
      parleyCreating(parley, { connections, created }),
      await bareIssuing(bare, connections),
    ])
    await parley.crash()
    parley = await startParley(dataDirectory)
    await issueTokens(bench, parley, { identities: created, count: created.length })
    bench.note(
      `  after kill -9 and a restart: ${created.length} of ${created.length} identities live`,
    )
    const text = `create / bare issue, at ${connections} connections`
    return [{ text, figures: ratios(creating, issuing), unit: 'x', limit: 0.5 }]
  } finally {
    await Promise.all([parley.stop(), bare.stop()])
    work.remove()
  }
}

function parleyCreating(
  parley: ParleyServer,
  { connections, created }: { readonly connections: number; readonly created: string[] },
): Contender {
  return {
    name: `Parley http: create an identity, ${connections} connections`,
    server: parley,
    endpoint: parley.http,
    connections,
    expectedStatus: 201,
    prepare: () => Array.from({ length: requestsPerRound }, () => createRequest(parley)),
    check: (samples) => {
      created.push(...samples.map(({ body }) => identityOf(body)))
      if (new Set(created).size !== created.length) throw new Error('one identity, created twice')
    },
  }
}
