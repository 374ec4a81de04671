/**
 * The conversations that the clinic arranges. Patients and visitors may take part and may not
 * begin any, so the server does it for them, as the doctor or as the front desk.
 */
import { ChatClient } from '@azure/communication-chat'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import type { Mapping } from '@parley/trusted-service'
import { type Account, type Db, listAccounts } from './database.ts'
import type { ClinicTokens } from './tokens.ts'

/** What is needed to arrange a conversation. */
export interface Arranging {
  readonly endpoint: string
  readonly db: Db
  readonly mapping: Mapping
  readonly tokens: ClinicTokens
}

/** Somebody in a conversation. */
export interface Member {
  readonly identity: string
  readonly name: string
}

/** The name under which all of the front desk speak. */
export const deskName = 'Front desk'

/** The account as others see it in a conversation. */
export async function memberFor({ mapping, db }: Arranging, account: Account): Promise<Member> {
  if (account.role === 'desk') return { identity: await deskIdentity(mapping, db), name: deskName }
  return { identity: await identityFor(mapping, account.id), name: account.name }
}

/** One identity for everybody at the desk: of the first, and the others are linked to it. */
async function deskIdentity(mapping: Mapping, db: Db): Promise<string> {
  const [first, ...others] = await listAccounts(db, 'desk')
  if (first === undefined) throw new Error('nobody is at the front desk')
  const identity = await identityFor(mapping, first.id)
  for (const { id } of others) {
    const verdict = await mapping.link({ user: id, identity })
    if (!verdict.ok) throw new Error(`${id} cannot be linked to the desk: ${verdict.reason}`)
  }
  return identity
}

async function identityFor(mapping: Mapping, user: string): Promise<string> {
  const verdict = await mapping.identityFor(user)
  if (!verdict.ok) throw new Error(`${user} has no identity: ${verdict.reason}`)
  return verdict.identity
}

/** Sees to it that a patient has a conversation with the doctor. */
export async function arrangeConsultation(clinic: Arranging, patient: Account): Promise<void> {
  const { db } = clinic
  const query = db.selectFrom('consultation').select('thread').where('patient', '=', patient.id)
  if ((await query.executeTakeFirst()) !== undefined) return
  const doctor = await theDoctor(clinic)
  const members = [doctor, await memberFor(clinic, patient)]
  const thread = await begin(clinic, { as: doctor, topic: 'Consultation', members })
  const insert = db.insertInto('consultation').values({ patient: patient.id, thread })
  const [made] = await insert.onConflict((present) => present.doNothing()).execute()
  if (Number(made?.numInsertedOrUpdatedRows ?? 0) > 0) return
  // He has signed in twice at once, and one conversation is enough.
  await (await clientOf(clinic, doctor)).deleteChatThread(thread)
}

/** Begins a visitor's conversation with the front desk. */
export async function arrangeVisit(clinic: Arranging, visitor: Member): Promise<void> {
  const identity = await deskIdentity(clinic.mapping, clinic.db)
  const desk = { identity, name: deskName }
  await begin(clinic, { as: desk, topic: 'Question', members: [desk, visitor] })
}

/**
 * Marks the consultation of somebody who is gone as closed. It also lets pages that show it read
 * it anew, in which nothing that he wrote is left.
 */
export async function closeConsultation(clinic: Arranging, thread: string): Promise<void> {
  const client = await clientOf(clinic, await theDoctor(clinic))
  await client.getChatThreadClient(thread).updateTopic('Closed consultation')
}

async function theDoctor(clinic: Arranging): Promise<Member> {
  const [doctor] = await listAccounts(clinic.db, 'doctor')
  if (doctor === undefined) throw new Error('the clinic has no doctor')
  return memberFor(clinic, doctor)
}

async function begin(
  clinic: Arranging,
  asked: { readonly as: Member; readonly topic: string; readonly members: readonly Member[] },
): Promise<string> {
  const client = await clientOf(clinic, asked.as)
  const participants = asked.members.map(({ identity, name }) => ({
    id: { communicationUserId: identity },
    displayName: name,
  }))
  const { chatThread } = await client.createChatThread({ topic: asked.topic }, { participants })
  if (chatThread === undefined) throw new Error('the service has begun no conversation')
  return chatThread.id
}

async function clientOf({ endpoint, tokens }: Arranging, { identity }: Member) {
  const { token } = await tokens.tokenFor({ identity, scopes: ['chat'], lifetimeMinutes: 60 })
  return new ChatClient(endpoint, new AzureCommunicationTokenCredential(token))
}
