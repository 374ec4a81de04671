import { join } from 'node:path'
import { type Bench, type Claim, type Contender, compare, ratios } from './harness.ts'
import {
  checkActive,
  introspectBatchRequest,
  introspectionForm,
  introspectRequest,
} from './introspection.ts'
import { createIdentities, issueTokens } from './population.ts'
import { createWorkDirectory, type ParleyServer, startBare, startParley } from './servers.ts'
import { bareChecking, requestsPerRound } from './yardsticks.ts'

/**
 * Asking about tokens over HTTP.
 *
 * A token is dear the first time that a server sees it, because its signature is verified then,
 * and cheap afterwards. The claims are about tokens seen before, as a gateway that asks about each
 * request of its users presents them; what the first sight costs is shown beside them.
 *
 * A batch comes alone, so it is held against a single question that comes alone as well; against
 * singles of many connections, which share their turns, it is shown for information.
 */
export async function measureIntrospect(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const bare = await startBare({ work: 'check', protocol: 'http:' })
  const parley = await startParley(join(work.path, 'data'))
  try {
    const identities = await createIdentities(bench, parley, requestsPerRound)
    const issue = (count: number) => issueTokens(bench, parley, { identities, count })
    const tokens = await issue(1000)
    const known = () => Promise.resolve(tokens)
    const singles = () => Promise.resolve(tokens.slice(0, requestsPerRound))
    const forms = tokens.slice(0, requestsPerRound).map(introspectionForm)
    const [busy, bareSeries, alone, batch, firstBusy, firstBatch] = await compare(bench, [
      introspecting(parley, { kind: 'single', connections: 32, tokens: singles }),
      bareChecking(bare, 32, forms),
      introspecting(parley, { kind: 'single', connections: 1, tokens: singles }),
      introspecting(parley, { kind: 'batch', connections: 1, tokens: known }),
      firstSight(parley, { kind: 'single', connections: 32, tokens: () => issue(10_000) }),
      firstSight(parley, { kind: 'batch', connections: 1, tokens: () => issue(5_000) }),
    ])
    const overBare = 'introspect / bare check, at 32 connections'
    return [
      { text: overBare, figures: ratios(busy, bareSeries), unit: 'x', limit: 1.3 },
      {
        text: 'introspect 1,000 / introspect 1, both at 1 connection',
        figures: ratios(batch, alone),
        unit: 'x',
        limit: 20,
      },
      {
        text: 'introspect 1,000 at 1 connection / 1 at 32 connections',
        figures: ratios(batch, busy),
        unit: 'x',
      },
      { text: `${overBare}, first sight`, figures: ratios(firstBusy, bareSeries), unit: 'x' },
      {
        text: 'introspect 1,000, first sight / seen',
        figures: ratios(firstBatch, batch),
        unit: 'x',
      },
    ]
  } finally {
    await Promise.all([parley.stop(), bare.stop()])
    work.remove()
  }
}

interface Introspection {
  readonly kind: 'single' | 'batch'
  readonly connections: number
  /** The tokens of a round. */
  readonly tokens: () => Promise<readonly string[]>
}

function introspecting(parley: ParleyServer, options: Introspection): Contender {
  const { kind, connections } = options
  const { http, accessKey } = parley
  const batchSize = 1000
  const noun = connections === 1 ? 'connection' : 'connections'
  return {
    name: `Parley http: introspect ${kind === 'single' ? '1' : '1,000'}, ${connections} ${noun}`,
    server: parley,
    endpoint: http,
    connections,
    expectedStatus: 200,
    prepare: async () => {
      const tokens = await options.tokens()
      if (kind === 'single') return tokens.map((token) => introspectRequest(http, accessKey, token))
      return Array.from({ length: tokens.length / batchSize }, (_, index) => {
        const batch = tokens.slice(index * batchSize, (index + 1) * batchSize)
        return introspectBatchRequest(http, accessKey, batch)
      })
    },
    check: (samples) => checkActive(samples, kind === 'single' ? 1 : batchSize),
  }
}

/** Tokens issued just before the round, each asked about once. */
function firstSight(parley: ParleyServer, options: Introspection): Contender {
  const contender = introspecting(parley, options)
  return { ...contender, name: `${contender.name}, first sight`, isOnce: true }
}
