/**
 * The clinic's server: who people are, what they may do, and their erasure. Everything that they
 * say to each other goes from their browsers to the service, and never comes by here.
 */
import { join } from 'node:path'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import {
  type Caller,
  createMapping,
  createTokenEndpoint,
  customIdPolicy,
  nodeHandler,
  type TokenPolicy,
} from '@parley/trusted-service'
import { sessionIn, startAppServer } from '../serving/app-server.ts'
import { bundlePage } from '../serving/page.ts'
import type { App } from '../serving/run.ts'
import type { Settings } from '../serving/settings.ts'
import { countAttempts } from './attempts.ts'
import { type Db, findAccount, openDatabase, pattern, type Role } from './database.ts'
import { type Clinic, routesOf } from './routes.ts'
import { openSecrets } from './secrets.ts'
import { readSession } from './sessions.ts'
import { openTokens } from './tokens.ts'

const sweepMs = 60_000

/** Starts the clinic. */
export async function startClinic(settings: Settings): Promise<App> {
  const { endpoint } = settings
  const folder = join(settings.dataDirectory, 'clinic')
  const secrets = openSecrets(join(folder, 'secret'))
  const db = await openDatabase(join(folder, 'clinic.sqlite'))
  const service = new CommunicationIdentityClient(settings.connectionString, {
    additionalPolicies: [customIdPolicy],
  })
  const tokens = await openTokens({ settings, service, db, secrets })
  const mapping = createMapping({
    db,
    dialect: 'sqlite',
    pattern,
    service,
    customIds: true,
    onVoided: tokens.forgetIdentity,
  })
  const clinic: Clinic = {
    endpoint,
    db,
    mapping,
    tokens,
    sign: secrets.sign,
    signIns: countAttempts(5, Date.now),
    visits: countAttempts(10, Date.now),
  }
  const server = await startAppServer({
    port: settings.port,
    endpoint,
    page: await bundlePage('clinic'),
    tokens: nodeHandler(
      createTokenEndpoint({
        mapping,
        tokens,
        authenticate: (request) => callerOf(clinic, request),
        policy: (caller) => policyFor(db, caller),
      }),
    ),
    routes: routesOf(clinic),
  })
  // What a crash has left, visits that are over, tokens that have run out.
  const sweep = () => mapping.sweep().then(() => tokens.removeExpired(Date.now()))
  await sweep()
  const sweeping = setInterval(() => sweep().catch(console.error), sweepMs)
  const close = async () => {
    clearInterval(sweeping)
    await server.close()
    await tokens.close()
    await db.destroy()
  }
  return { url: server.url, close }
}

/** Who asks for a token: the session says it, and the database whether he is still there. */
async function callerOf(clinic: Clinic, { headers }: Request): Promise<Caller | undefined> {
  const { sign, db } = clinic
  const who = readSession(sessionIn(headers.get('cookie')), { sign, nowMs: Date.now() })
  if (who === undefined) return undefined
  if (who.kind === 'visitor') return { kind: 'visitor', identity: who.identity }
  const account = await findAccount(db, who.account)
  return account && { kind: 'user', user: account.id }
}

/** The least that each can do his part with. */
const policies: Readonly<Record<Role | 'visitor', TokenPolicy>> = {
  // Begin conversations, and close them.
  doctor: { scopes: ['chat'] },
  desk: { scopes: ['chat'] },
  // Take part, and bring in a relative.
  patient: { scopes: ['chat.join'] },
  // Take part.
  visitor: { scopes: ['chat.join.limited'] },
}

async function policyFor(db: Db, caller: Caller): Promise<TokenPolicy | undefined> {
  if (caller.kind === 'visitor') return policies.visitor
  const account = await findAccount(db, caller.user)
  return account && policies[account.role]
}
