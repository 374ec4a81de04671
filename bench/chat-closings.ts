import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startTemporaryPostgres } from '@parley/server/database/embedded/temporary-postgres'
import type { WebSocket } from 'ws'
import { openAll, percentile } from './chat-sockets.ts'
import { exchangeOnce } from './connection.ts'
import { type Control, type ControlledResource, controlOf } from './control.ts'
import type { Bench, Claim } from './harness.ts'
import { createIdentities, issueTokens } from './population.ts'
import { plainRequest, signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

/** How much of everything, in a round. */
interface Sizes {
  /** People whose tokens are voided one after the other, for each cause that voids one's. */
  readonly people: number
  /** Resources whose tokens are voided one after the other, and the people of each. */
  readonly resources: number
  readonly peopleOfResource: number
}

/** Without host names a server looks through the keys of 64 resources; five rounds make 61. */
const ordinarySizes: Sizes = { people: 100, resources: 10, peopleOfResource: 10 }

/** Nodes on one database; the first one voids, and nobody is connected to it. */
const nodeCount = 3

interface Nodes {
  readonly first: ParleyServer
  readonly others: readonly ParleyServer[]
  readonly control: Control
}

/** Everything of some people that is open: when all of it is closed, milliseconds. */
type Closed = Promise<readonly number[]>

/**
 * From the request that voids tokens to the end of what is open under them on other nodes: for each
 * of the people a socket on each of two nodes, and a long poll. Three servers share one embedded
 * database; all of them, the database and the clients share the machine.
 */
export async function measureChatClosings(
  bench: Bench,
  sizes: Sizes = ordinarySizes,
): Promise<Claim[]> {
  const work = createWorkDirectory()
  const postgres = await startTemporaryPostgres(100)
  const { username, host, port, database } = postgres.postgres.connection
  const settings = {
    PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
    PARLEY_MASTER_KEY: randomBytes(32).toString('base64'),
  }
  const servers: ParleyServer[] = []
  try {
    for (let index = 0; index < nodeCount; index++) {
      servers.push(await startParley(join(work.path, `data-${index}`), { settings }))
    }
    const [first, ...others] = servers
    if (first === undefined) throw new Error('there is a first node')
    const control = controlOf(first, join(work.path, 'data-0'))
    return await measureCauses(bench, { first, others, control }, sizes)
  } finally {
    for (const server of servers) await server.stop()
    await postgres.close()
    work.remove()
  }
}

async function measureCauses(bench: Bench, nodes: Nodes, sizes: Sizes): Promise<Claim[]> {
  const { control } = nodes
  const ofIdentity = (id: string) => `/identities/${id}`
  const version = 'api-version=2023-10-01'
  const causes: readonly (readonly [string, () => Promise<readonly number[]>])[] = [
    [
      'revocation',
      () =>
        voidPeople(bench, nodes, sizes, (id) => ({
          method: 'POST',
          path: `${ofIdentity(id)}/:revokeAccessTokens?${version}`,
        })),
    ],
    [
      'deletion of an identity',
      () =>
        voidPeople(bench, nodes, sizes, (id) => ({
          method: 'DELETE',
          path: `${ofIdentity(id)}?${version}`,
        })),
    ],
    ['new access key', () => voidResources(bench, nodes, sizes, control.regeneration)],
    ['deletion of a resource', () => voidResources(bench, nodes, sizes, control.deletion)],
  ]
  const claims: Claim[] = []
  for (const [name, measure] of causes) {
    const figures: number[] = []
    for (let round = 0; round < bench.pace.rounds; round++) {
      figures.push(percentile(await measure(), 0.99))
    }
    const text = `${name} to the end of sockets and long polls on other nodes, p99`
    claims.push({ text, figures, unit: 'ms', limit: 250 })
  }
  return claims
}

/** Opens what people have open. */
async function openFor(bench: Bench, nodes: Nodes, of: { accessKey: Buffer; people: number }) {
  const { accessKey, people } = of
  const first = { ...nodes.first, accessKey }
  const identities = await createIdentities(bench, first, people)
  const tokens = await issueTokens(bench, first, { identities, count: people })
  const sockets: WebSocket[][] = []
  for (const node of nodes.others) sockets.push(await openAll(node, tokens))
  const last = nodes.others.at(-1) ?? first
  const polls = await Promise.all(tokens.map((token) => startPoll(last, token)))
  return identities.map((id, index) => ({
    id,
    sockets: sockets.flatMap((some) => some[index] ?? []),
    polls: polls.slice(index, index + 1),
  }))
}

type Person = Awaited<ReturnType<typeof openFor>>[number]

/** Sees to what is open of somebody; each ends at a moment of its own. */
function closedOf(people: readonly Person[], startedAt: number): Closed {
  const took = () => performance.now() - startedAt
  const whenClosed = (socket: WebSocket) =>
    new Promise<number>((resolve) => socket.once('close', () => resolve(took())))
  const whenRefused = async ({ ended }: Poll) => {
    const status = await ended
    if (status !== 401) throw new Error(`a long poll was answered ${status}`)
    return took()
  }
  return Promise.all(
    people.flatMap(({ sockets, polls }) => [...sockets.map(whenClosed), ...polls.map(whenRefused)]),
  )
}

async function voidPeople(
  bench: Bench,
  nodes: Nodes,
  sizes: Sizes,
  requestFor: (id: string) => { readonly method: 'POST' | 'DELETE'; readonly path: string },
): Promise<readonly number[]> {
  const { http, accessKey } = nodes.first
  const people = await openFor(bench, nodes, { accessKey, people: sizes.people })
  const times: number[] = []
  for (const person of people) {
    const request = signedRequest(http, accessKey, requestFor(person.id))
    times.push(...(await timesOf(nodes, [person], request)))
  }
  return times
}

async function voidResources(
  bench: Bench,
  nodes: Nodes,
  sizes: Sizes,
  requestFor: (name: string) => Buffer,
): Promise<readonly number[]> {
  const times: number[] = []
  for (let count = 0; count < sizes.resources; count++) {
    const name = `bench-${randomUUID()}`
    const { accessKey }: ControlledResource = await nodes.control.create(name)
    const people = await openFor(bench, nodes, { accessKey, people: sizes.peopleOfResource })
    times.push(...(await timesOf(nodes, people, requestFor(name))))
  }
  return times
}

/** Sends what voids, and waits until nothing of them is open. */
async function timesOf({ first }: Nodes, people: readonly Person[], request: Buffer): Closed {
  const closed = closedOf(people, performance.now())
  const { status, body } = await exchangeOnce(first.http, request)
  if (status >= 300) throw new Error(`what voids was answered ${status}: ${body}`)
  return closed
}

/** A long poll that waits. */
interface Poll {
  /** The status that it is answered with when it is over. */
  readonly ended: Promise<number>
}

async function startPoll({ http }: ParleyServer, token: string): Promise<Poll> {
  const endpointId = randomUUID()
  const ask = (method: 'GET' | 'POST', path: string) =>
    exchangeOnce(http, plainRequest(http, { method, path }, [`x-skypetoken: ${token}`]))
  const { body } = await ask('POST', `/v4/a?epid=${endpointId}`)
  const { connectparams } = JSON.parse(body.toString()) as {
    readonly connectparams: Readonly<Record<string, string>>
  }
  const query = new URLSearchParams({ ...connectparams, epid: endpointId })
  const begun = await ask('GET', `/socket.io/1/?${query}`)
  const [sessionId] = begun.body.toString().split(':')
  const path = `/socket.io/1/xhr-polling/${sessionId}?${query}`
  for (;;) {
    const reply = await ask('GET', path)
    if (reply.status !== 200) throw new Error(`a long poll was answered ${reply.status}`)
    if (reply.body.toString().includes('trouter.connected')) break
  }
  return { ended: endOf(() => ask('GET', path)) }
}

/** Nobody answers while nothing happens but with a frame that says so: then it asks again. */
async function endOf(poll: () => Promise<{ readonly status: number }>): Promise<number> {
  for (;;) {
    const { status } = await poll()
    if (status !== 200) return status
  }
}
