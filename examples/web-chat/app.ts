/**
 * The app's server. It does what is the app's: it knows who people are, says what they may do, and
 * gets their tokens. Everything that they say to each other goes from their browsers to the
 * service, and never comes by here.
 */
import { randomBytes } from 'node:crypto'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { kyselySqlite } from '@parley/cli/app-database'
import {
  createMapping,
  createTokenEndpoint,
  customIdPolicy,
  kyselyMigration,
  type Mapping,
  nodeHandler,
  uncachedTokens,
} from '@parley/trusted-service'
import { Kysely, SqliteDialect } from 'kysely'
import sqlite from 'node-sqlite3-wasm'
import { type Reply, type Route, sessionIn, startAppServer } from '../serving/app-server.ts'
import { bundlePage } from '../serving/page.ts'
import type { App } from '../serving/run.ts'
import type { Settings } from '../serving/settings.ts'
import { findPerson, type Person, people } from './people.ts'

/** What the app remembers, as long as it runs. */
interface Memory {
  readonly service: CommunicationIdentityClient
  readonly mapping: Mapping
  readonly endpoint: string
  /** Who is signed in, by the cookie. */
  readonly sessions: Map<string, Person>
  /** Ids of people who may not chat any more. */
  readonly removed: Set<string>
}

/** Starts the app. */
export async function startWebChat(settings: Settings): Promise<App> {
  const service = new CommunicationIdentityClient(settings.connectionString, {
    additionalPolicies: [customIdPolicy],
  })
  const db = await openDatabase()
  const pattern = 'one-to-one'
  const mapping = createMapping({ db, dialect: 'sqlite', pattern, service, customIds: true })
  const { endpoint } = settings
  const memory: Memory = { service, mapping, endpoint, sessions: new Map(), removed: new Set() }
  const tokens = createTokenEndpoint({
    mapping,
    tokens: uncachedTokens(service),
    authenticate: async ({ headers }) => {
      const person = memory.sessions.get(sessionIn(headers.get('cookie')) ?? '')
      return person && { kind: 'user', user: person.id }
    },
    policy: (caller) =>
      caller.kind === 'user' && !memory.removed.has(caller.user) ? { scopes: ['chat'] } : undefined,
  })
  const server = await startAppServer({
    port: settings.port,
    page: await bundlePage('web-chat'),
    endpoint,
    tokens: nodeHandler(tokens),
    routes: routesOf(memory),
  })
  const close = async () => {
    await server.close()
    // The mapping is in memory: with it would go all knowledge of whose these identities are.
    for (const { id } of people) await mapping.forget(id)
    await db.destroy()
  }
  return { url: server.url, close }
}

async function openDatabase(): Promise<Kysely<Record<string, never>>> {
  const database = kyselySqlite(new sqlite.Database(':memory:'))
  const db = new Kysely<Record<string, never>>({ dialect: new SqliteDialect({ database }) })
  await kyselyMigration({ dialect: 'sqlite', pattern: 'one-to-one' }).up(db)
  return db
}

function routesOf(memory: Memory): Readonly<Record<string, Route>> {
  const { sessions } = memory
  return {
    'GET /app/state': ({ session }) => describeTo(memory, sessions.get(session ?? '')),
    'POST /app/sign-in': ({ body }) => {
      const person = findPerson(body['person'])
      if (person === undefined) return { status: 404 }
      const session = randomBytes(32).toString('base64url')
      sessions.set(session, person)
      return { status: 200, session }
    },
    'POST /app/sign-out': ({ session = '' }) => {
      sessions.delete(session)
      return { status: 200, session: '' }
    },
    'POST /app/access': ({ session, body }) => {
      const person = findPerson(body['person'])
      if (sessions.get(session ?? '')?.isAdmin !== true) return { status: 403 }
      if (person === undefined || person.isAdmin) return { status: 404 }
      return changeAccess(memory, person, body['isRemoved'] === true)
    },
  }
}

/**
 * First nobody gives him tokens any more, then those that he has are void: the other way round he
 * could fetch a new one in between.
 */
async function changeAccess(memory: Memory, person: Person, isRemoved: boolean): Promise<Reply> {
  if (isRemoved) memory.removed.add(person.id)
  else memory.removed.delete(person.id)
  const communicationUserId = await memory.mapping.findIdentity(person.id)
  if (isRemoved && communicationUserId !== undefined) {
    await memory.service.revokeTokens({ communicationUserId })
  }
  return { status: 200 }
}

async function describeTo(memory: Memory, me: Person | undefined): Promise<Reply> {
  if (me === undefined) return { status: 200, body: { people } }
  const described = await Promise.all(people.map((person) => describe(memory, person)))
  return { status: 200, body: { endpoint: memory.endpoint, me: me.id, people: described } }
}

async function describe({ mapping, removed }: Memory, person: Person): Promise<object> {
  const verdict = await mapping.identityFor(person.id)
  if (!verdict.ok) throw new Error(`${person.id} has no identity: ${verdict.reason}`)
  return { ...person, identity: verdict.identity, isRemoved: removed.has(person.id) }
}
