/**
 * The app's server: it knows who people are and gets their tokens. What they say to each other goes
 * from browser to browser.
 *
 * Names stand in for accounts. Each window has a session of its own, in its memory and not in a
 * cookie, so that one browser can be several people.
 */
import { randomBytes } from 'node:crypto'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { type Reply, type Route, startAppServer } from '../serving/app-server.ts'
import { bundlePage } from '../serving/page.ts'
import type { App } from '../serving/run.ts'
import type { Settings } from '../serving/settings.ts'

interface Person {
  readonly name: string
  /** Raw id of their identity. */
  readonly id: string
}

/** What the app remembers, as long as it runs. */
interface Memory {
  readonly service: CommunicationIdentityClient
  readonly endpoint: string
  /** The promise is kept, not the id: who signs in twice at once is one person. */
  readonly people: Map<string, Promise<Person>>
  /** Names, by the session of a window. */
  readonly sessions: Map<string, string>
}

const peopleMax = 100

/** Starts the app. */
export async function startWebCall(settings: Settings): Promise<App> {
  const service = new CommunicationIdentityClient(settings.connectionString)
  // Pages reach the plain listener without a certificate that browsers would have to accept.
  const { callEndpoint: endpoint } = settings
  const memory: Memory = { service, endpoint, people: new Map(), sessions: new Map() }
  const server = await startAppServer({
    port: settings.port,
    page: await bundlePage('web-call'),
    endpoint,
    routes: routesOf(memory),
  })
  const close = async () => {
    await server.close()
    for (const person of await Promise.all(memory.people.values())) {
      await service.deleteUser({ communicationUserId: person.id })
    }
  }
  return { url: server.url, close }
}

function routesOf(memory: Memory): Readonly<Record<string, Route>> {
  const { people, sessions, service } = memory
  const personOf = (window: string | undefined) => people.get(sessions.get(window ?? '') ?? '')
  return {
    'POST /app/sign-in': ({ body }) => signIn(memory, body['name']),
    'POST /app/token': async ({ window }) => {
      const person = await personOf(window)
      if (person === undefined) return { status: 401 }
      const { token } = await service.getToken({ communicationUserId: person.id }, ['voip'])
      return { status: 200, body: { token } }
    },
    'GET /app/people': async ({ window }) => {
      if (personOf(window) === undefined) return { status: 401 }
      return { status: 200, body: await Promise.all(people.values()) }
    },
  }
}

async function signIn(
  { people, sessions, service, endpoint }: Memory,
  given: unknown,
): Promise<Reply> {
  const name = typeof given === 'string' ? given.trim() : ''
  const isFull = people.size >= peopleMax && !people.has(name)
  if (name === '' || name.length > 30 || isFull) return { status: 400 }
  const create = async () => ({ name, id: (await service.createUser()).communicationUserId })
  const known = people.get(name) ?? create()
  people.set(name, known)
  const { id } = await known
  const session = randomBytes(32).toString('base64url')
  sessions.set(session, name)
  return { status: 200, body: { name, id, endpoint, session } }
}
