import { createHash, createHmac, createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { printSignedRequestHeader, stringToSign } from '@parley/protocol'
import {
  type Arrival,
  type Authenticate,
  createAuthenticator,
} from '@parley/server/authentication/authenticator'
import { createKeyRing } from '@parley/server/keys/key-ring'
import { createResourceDirectory } from '@parley/server/resources/directory'
import { controlOf } from './control.ts'
import { type Bench, type Claim, type Contender, compare, median, ratios } from './harness.ts'
import { introspectRequest } from './introspection.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

const resourceCount = 64
const checksInRound = 20_000
const coldChecksInRound = 500

/**
 * Finding out which of 64 resources signed, where nothing says which is meant, against a server
 * that has only one.
 *
 * Clients keep their connections: whoever signed last on one is tried first. The whole request is
 * measured over HTTP, with 64 clients at 64 resources; the check alone in this process, where the
 * first request of a connection can be told from the next ones.
 */
export async function measureCandidates(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const directories = [join(work.path, 'one'), join(work.path, 'many')] as const
  const single = await startParley(directories[0])
  const shared = await startParley(directories[1])
  try {
    const control = controlOf(shared, directories[1])
    const keys: Buffer[] = [shared.accessKey]
    // One resource was made by the first start.
    while (keys.length < resourceCount) {
      keys.push((await control.create(`client-${keys.length}`)).accessKey)
    }
    const alone = keys.map(() => single.accessKey)
    const [one, many] = await compare(bench, [
      asking(single, alone, '1 resource'),
      asking(shared, keys, `${resourceCount} resources`),
    ])
    return [
      ...checkAlone(bench),
      {
        text: 'request among 64 resources / among 1, 64 kept connections',
        figures: ratios(many, one),
        unit: 'x',
        limit: 3,
      },
    ]
  } finally {
    await Promise.all([single.stop(), shared.stop()])
    work.remove()
  }
}

/** Each connection asks with a key of its own about a token that is none. */
function asking(parley: ParleyServer, keys: readonly Buffer[], name: string): Contender {
  return {
    name: `Parley http: introspect nothing, ${name}, 64 connections`,
    server: parley,
    endpoint: parley.http,
    connections: keys.length,
    expectedStatus: 200,
    isBound: true,
    prepare: () => keys.map((key) => introspectRequest(parley.http, key, 'none')),
    check: () => undefined,
  }
}

/** A server's function that knows callers, and the keys of its resources. */
function authenticatorOf(count: number): {
  readonly authenticate: Authenticate
  readonly keys: readonly Buffer[]
} {
  const [keyRing, resources] = [createKeyRing(), createResourceDirectory()]
  const keys: Buffer[] = []
  for (let number = 0; number < count; number++) {
    const resourceId = randomUUID()
    const secrets = [randomBytes(64), randomBytes(64)] as const
    keys.push(secrets[0])
    const settings = { isLocalAuthDisabled: false, isSubscriptionEnabled: true }
    const place = { subscriptionId: '', resourceGroup: '', dataLocation: 'Europe' } as const
    resources.put({ resourceId, name: `name-${number}`, ...place, ...settings })
    keyRing.put(
      resourceId,
      (['primary', 'secondary'] as const).map((slot, index) => ({
        ...{ resourceId, slot, generation: 1, validUntilMs: undefined, actor: '' },
        hmacKey: createSecretKey(secrets[index] ?? Buffer.alloc(0)),
      })),
    )
  }
  const authenticate = createAuthenticator({
    ...{ keyRing, resources, domain: undefined, publicHosts: [], decoyKeys: [] },
    checkBearer: async () => ({ ok: false, fault: 'bearer-issuer-unknown' }),
    isAdminToken: () => false,
    checkCredential: async () => ({ ok: false, fault: 'credential-unknown' }) as const,
    verifier: { verify: () => ({ ok: false, reason: 'malformed' }) },
  })
  return { authenticate, keys }
}

function checkAlone(bench: Bench): Claim[] {
  const [single, shared] = [authenticatorOf(1), authenticatorOf(resourceCount)]
  const figures: Record<'one' | 'kept' | 'first', number[]> = { one: [], kept: [], first: [] }
  for (let round = -1; round < bench.pace.rounds; round++) {
    const measured = {
      one: checking(single, { count: checksInRound, isKept: true }),
      kept: checking(shared, { count: checksInRound, isKept: true }),
      first: checking(shared, { count: coldChecksInRound, isKept: false }),
    }
    if (round < 0) continue
    for (const name of ['one', 'kept', 'first'] as const) figures[name].push(measured[name])
  }
  const over = (name: 'kept' | 'first') =>
    figures[name].map((figure, round) => figure / (figures.one[round] ?? Number.NaN))
  bench.note(
    `  the check alone: ${median(figures.one).toFixed(1)} us with 1 resource; with 64 ` +
      `${median(figures.kept).toFixed(1)} on a kept connection, ` +
      `${median(figures.first).toFixed(1)} for the first request of one`,
  )
  const text = 'check of an access key among 64 resources / 1'
  return [
    { text: `${text}, kept connection`, figures: over('kept'), unit: 'x', limit: 3 },
    { text: `${text}, first request of a connection`, figures: over('first'), unit: 'x' },
  ]
}

/** CPU microseconds of one check, the clients in turn. */
function checking(
  server: ReturnType<typeof authenticatorOf>,
  how: { readonly count: number; readonly isKept: boolean },
): number {
  const arrivals = server.keys.map(arrivalOf)
  for (const arrival of arrivals) server.authenticate(arrival, 'resource')
  const before = process.cpuUsage()
  for (let done = 0; done < how.count; done++) {
    const arrival = arrivals[done % arrivals.length] as Arrival
    const connection = how.isKept ? arrival.connection : {}
    const verdict = server.authenticate({ ...arrival, connection }, 'resource')
    if (!('ok' in verdict && verdict.ok)) throw new Error('a good signature was refused')
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / how.count
}

function arrivalOf(accessKey: Buffer): Arrival {
  const nowMs = Date.now()
  const [method, pathAndQuery, host] = ['POST', '/introspect', '127.0.0.1:4480']
  const body = Buffer.from('token=none')
  const date = new Date(nowMs).toUTCString()
  const contentHash = createHash('sha256').update(body).digest('base64')
  const text = stringToSign({ method, pathAndQuery, signedValues: [date, host, contentHash] })
  const signature = createHmac('sha256', accessKey).update(text).digest('base64')
  const signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256']
  const authorization = printSignedRequestHeader({ signedHeaders, signature })
  const headers = {
    ...{ host, authorization, 'x-ms-date': date },
    'x-ms-content-sha256': contentHash,
  }
  return { method, pathAndQuery, headers, body, params: {}, connection: {}, nowMs }
}
