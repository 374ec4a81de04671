import type { Asked, Reply, Route } from '../serving/app-server.ts'
import type { Attempts } from './attempts.ts'
import {
  type Arranging,
  arrangeConsultation,
  arrangeVisit,
  closeConsultation,
  type Member,
  memberFor,
} from './conversations.ts'
import { type Account, findAccount, findPassword } from './database.ts'
import { isPassword } from './passwords.ts'
import { printSession, readSession, type Sessioned } from './sessions.ts'

/** What the clinic's routes stand on. */
export interface Clinic extends Arranging {
  readonly sign: (text: string) => string
  /** Attempts to sign in, for each account and address. */
  readonly signIns: Attempts
  /** Visits that begin, for each address. */
  readonly visits: Attempts
}

const visitMinutes = 60
const nameLengthMax = 60

/** The clinic's own routes. */
export function routesOf(clinic: Clinic): Readonly<Record<string, Route>> {
  return {
    'GET /app/state': (asked) => describe(clinic, asked),
    'POST /app/sign-in': (asked) => signIn(clinic, asked),
    'POST /app/visit': (asked) => visit(clinic, asked),
    'POST /app/sign-out': (asked) => signOut(clinic, asked),
    'POST /app/erase': (asked) => erase(clinic, asked),
  }
}

function sessionOf({ sign }: Clinic, { session }: Asked): Sessioned | undefined {
  return readSession(session, { sign, nowMs: Date.now() })
}

async function accountOf(clinic: Clinic, asked: Asked): Promise<Account | undefined> {
  const who = sessionOf(clinic, asked)
  return who?.kind === 'account' ? findAccount(clinic.db, who.account) : undefined
}

/** Who is signed in here, and as whom he chats. */
async function describe(clinic: Clinic, asked: Asked): Promise<Reply> {
  const { endpoint, mapping } = clinic
  const who = sessionOf(clinic, asked)
  if (who?.kind === 'visitor') {
    const { identity, name } = who
    if ((await mapping.findVisitor(identity)) === undefined) return { status: 200 }
    return { status: 200, body: { endpoint, role: 'visitor', me: { identity, name } } }
  }
  const account = await accountOf(clinic, asked)
  if (account === undefined) return { status: 200 }
  const me = await memberFor(clinic, account)
  return { status: 200, body: { endpoint, role: account.role, name: account.name, me } }
}

async function signIn(clinic: Clinic, { body, address }: Asked): Promise<Reply> {
  const [id, password] = [String(body['account']), String(body['password'])]
  if (!clinic.signIns(`${address} ${id}`)) return { status: 429 }
  const account = await findAccount(clinic.db, id)
  const sealed = await findPassword(clinic.db, id)
  if (!(await isPassword(password, sealed)) || account === undefined) return { status: 401 }
  if (account.role === 'patient') await arrangeConsultation(clinic, account)
  return begun(clinic, { kind: 'account', account: id })
}

/** A visitor gives a name, gets an identity for an hour, and the desk hears of him. */
async function visit(clinic: Clinic, { body, address }: Asked): Promise<Reply> {
  const name = String(body['name']).trim().slice(0, nameLengthMax)
  if (name === '') return { status: 400 }
  if (!clinic.visits(address)) return { status: 429 }
  const visitor = await clinic.mapping.createVisitor(visitMinutes)
  if (!visitor.ok) return { status: 503 }
  const member: Member = { identity: visitor.identity, name: `${name} (visitor)` }
  await arrangeVisit(clinic, member)
  return begun(clinic, { kind: 'visitor', ...member })
}

function begun({ sign }: Clinic, who: Sessioned): Reply {
  return { status: 200, session: printSession(who, { sign, nowMs: Date.now() }) }
}

/** Of a visitor nothing is kept that long: his identity goes with what he wrote. */
async function signOut(clinic: Clinic, asked: Asked): Promise<Reply> {
  const who = sessionOf(clinic, asked)
  if (who?.kind === 'visitor') await clinic.mapping.endVisit(who.identity)
  return { status: 200, session: '' }
}

/**
 * Erases a patient who asks for it: first his account, so that he has no session any more, then
 * his identity with all that he wrote. If the second cannot be done now, `sweep` does it.
 */
async function erase(clinic: Clinic, asked: Asked): Promise<Reply> {
  const { db, mapping } = clinic
  const account = await accountOf(clinic, asked)
  if (account?.role !== 'patient') return { status: 403 }
  const { id } = account
  const consultation = await db
    .deleteFrom('consultation')
    .where('patient', '=', id)
    .returning('thread')
    .executeTakeFirst()
  await db.deleteFrom('account').where('id', '=', id).execute()
  const receipt = await mapping.forget(id)
  if (consultation !== undefined) {
    // He is erased by now; whether the doctor's page knows at once changes nothing for him.
    await closeConsultation(clinic, consultation.thread).catch(console.error)
  }
  return { status: 200, session: '', body: receipt }
}
