/**
 * Whatever voids a token closes its sockets and its long polls on every node, whichever node did
 * it; and nobody else's.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { createIdentity, deleteIdentity, issueToken, postRevoke } from '../calls.ts'
import { allocate, connectChat, messageOf, sessionQuery, tell } from '../chat-sockets.ts'
import {
  control,
  createResource,
  newPlace,
  type Place,
  regenerateKey,
  resourcePath,
} from '../control-plane.ts'
import { type Answer, newDataDir, send, startWorld, type Tenant, type World } from '../world.ts'

/** An identity with a token. */
interface Holder {
  readonly id: string
  readonly token: string
}

/** Somebody and where it is, as a cause finds it. */
interface Scene {
  /** The node that is asked to void. */
  readonly node: World
  readonly place: Place
  readonly tenant: Tenant
  readonly ann: Holder
}

/** What voids the token of Ann; gives the status that it was answered with. */
interface Cause {
  readonly name: string
  readonly act: (scene: Scene) => Promise<number>
  /** Whether others in her resource stay, or others elsewhere alone, or nobody. */
  readonly leaves: 'others of the resource' | 'other resources' | 'nobody'
}

const causes: readonly Cause[] = [
  {
    name: 'a revocation',
    act: async ({ tenant, ann }) => (await postRevoke(tenant, ann.id)).status,
    leaves: 'others of the resource',
  },
  {
    name: 'a deletion of the identity',
    act: async ({ tenant, ann }) => (await deleteIdentity(tenant, ann.id)).status,
    leaves: 'others of the resource',
  },
  {
    name: 'a step-down that takes chat',
    async act({ tenant, ann }) {
      const body = { targets: [{ identity: ann.id, scopes: ['voip'] }] }
      return (await tenant.call({ method: 'POST', path: '/parley/stepDowns', body })).status
    },
    leaves: 'others of the resource',
  },
  {
    name: 'a new access key',
    async act({ node, place }) {
      await regenerateKey(node, place, { keyType: 'Primary' })
      return 200
    },
    leaves: 'other resources',
  },
  {
    name: 'a deletion of the resource',
    async act({ node, place }) {
      return (await control(node, { method: 'DELETE', path: resourcePath(place) })).status
    },
    leaves: 'other resources',
  },
  {
    name: 'a cancelled subscription',
    async act({ node, place }) {
      const provider = `/subscriptions/${place.subscriptionId}/providers/Microsoft.Subscription`
      const path = `${provider}/cancel?api-version=2022-12-01`
      return (await control(node, { method: 'POST', path })).status
    },
    leaves: 'other resources',
  },
  {
    name: 'an emergency among the signing keys',
    async act({ node }) {
      const path = '/parley/signingKeys/:rotate'
      return (await control(node, { method: 'POST', path, body: { emergency: true } })).status
    },
    leaves: 'nobody',
  },
]

/** What stays open would be waited for. */
const timeout = 30_000

/** A long poll that waits for what is told, once it was greeted; gives the answer to come. */
async function poll(
  origin: string,
  { token }: Holder,
): Promise<{ readonly answer: Promise<Answer> }> {
  const endpointId = randomUUID()
  const query = sessionQuery(await allocate(origin, token, endpointId), endpointId)
  const headers = { 'x-skypetoken': token }
  const get = (path: string) => send(origin, { method: 'GET', path, headers })
  const [sessionId] = (await get(`/socket.io/1/?${query}`)).text.split(':')
  const path = `/socket.io/1/xhr-polling/${sessionId}?${query}`
  for (;;) {
    const { status, text } = await get(path)
    assert.equal(status, 200, text)
    if (text.includes('trouter.connected')) return { answer: get(path) }
  }
}

describe('on three nodes, what is open under a token', () => {
  let outside: TemporaryPostgres
  let nodes: readonly [World, World, World]
  before(async () => {
    outside = await startTemporaryPostgres(100)
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 5).toString('base64'),
      PARLEY_ISSUER: 'https://closings.example',
      PARLEY_DOMAIN: 'parley.test',
    }
    const first = await startWorld(newDataDir(), settings)
    const second = await startWorld(newDataDir(), settings)
    nodes = [first, second, await startWorld(newDataDir(), settings)]
  })
  after(async () => {
    for (const node of nodes) await node.stop()
    await outside.close()
  })

  async function holder(tenant: Tenant): Promise<Holder> {
    const id = await createIdentity(tenant)
    return { id, token: await issueToken(tenant, id) }
  }

  /** Ann and somebody who may stay, with sockets and long polls everywhere. */
  async function open(leaves: Cause['leaves']) {
    const [node] = nodes
    const place = await newPlace(node)
    const tenant = await createResource(node, place)
    const elsewhere = await createResource(node, await newPlace(node))
    const ann = await holder(tenant)
    const ben = await holder(leaves === 'others of the resource' ? tenant : elsewhere)
    const of = (one: Holder) => ({
      sockets: Promise.all(nodes.map(({ origin }) => connectChat(origin, one))),
      polls: Promise.all(nodes.map(({ origin }) => poll(origin, one))),
    })
    const [annes, bens] = [of(ann), of(ben)]
    return {
      ...{ scene: { node, place, tenant, ann }, ben },
      ...{ sockets: await annes.sockets, polls: await annes.polls },
      ...{ staying: await bens.sockets, waiting: await bens.polls },
    }
  }

  for (const { name, act, leaves } of causes) {
    test(`is closed by ${name}, and leaves ${leaves}`, { timeout }, async () => {
      const { scene, ben, sockets, polls, staying, waiting } = await open(leaves)
      assert.ok((await act(scene)) < 300)
      for (const socket of sockets) assert.equal(await socket.closed, 1000)
      for (const { answer } of polls) assert.equal((await answer).status, 401)
      for (const { origin } of nodes) {
        assert.equal((await allocate(origin, scene.ann.token)).status, 401)
      }
      if (leaves === 'nobody') {
        for (const socket of staying) assert.equal(await socket.closed, 1000)
        return
      }
      await tell(scene.node, { recipients: [ben.id] }, messageOf(ben.id, 'still here'))
      for (const socket of staying) {
        assert.equal((await socket.next()).body['messageBody'], 'still here')
      }
      for (const { answer } of waiting) assert.match((await answer).text, /still here/)
    })
  }
})
