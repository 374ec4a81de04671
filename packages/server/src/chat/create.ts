import { fail, ok, type Result } from '@parley/protocol'
import type { Fault, FieldFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { UserCall, UserCaller } from '../contract/user-operation.ts'
import type { Transaction } from '../database/connect.ts'
import { insertSystemMessage } from './message-store.ts'
import { insertParticipants } from './participant-store.ts'
import {
  type AskedParticipant,
  faultOfCount,
  faultOfParticipants,
  notFound,
  type Participant,
  type ReadParticipants,
  readParticipants,
} from './participants.ts'
import { type ChatRoom, invalidBody, noticeFor, rawIdFor, recipientsOf } from './room.ts'
import { faultOfMetadata, faultOfName, faultOfText, firstFault, type Metadata } from './texts.ts'
import { type AskedRetention, daysOfRetention, type ThreadName, wholeSecond } from './thread.ts'
import {
  type CreatedAnswer,
  findRepeatedThread,
  holdIdentities,
  insertThread,
  type RepeatedThread,
} from './thread-store.ts'

/** A creation as it is asked for. */
export interface AskedThread {
  readonly topic: string
  readonly participants?: readonly AskedParticipant[] | null
  readonly metadata?: Metadata | null
  readonly retentionPolicy?: AskedRetention | null
}

/** A thread that was created, now or when it was first asked for. */
export type CreatedThread = RepeatedThread

/** A creation that was found good, before it is known who exists. */
interface Plan {
  readonly name: ThreadName
  readonly repeatabilityId: string | undefined
  readonly people: ReadParticipants
  readonly answer: Omit<CreatedAnswer, 'invalid'>
}

/**
 * Creates a thread with its participants and its first two messages, which say who is in it and
 * what it is about; or finds the one that the same request has created before.
 *
 * @faults `body-invalid`, `header-invalid`; `caller-refused` - the caller was deleted meanwhile.
 */
export async function createThread(
  room: ChatRoom,
  call: UserCall<AskedThread>,
): Promise<Result<CreatedThread, Fault>> {
  const plan = planOf(room, call)
  if (!plan.ok) return plan
  const { caller } = call
  const { repeatabilityId } = plan.value
  for (;;) {
    const created = (await room.db.begin((db) => store(room, db, { caller, plan: plan.value }))) as
      | Result<CreatedThread, Fault>
      | undefined
    if (created !== undefined) return created
    const asked = { createdBy: caller.identityId, repeatabilityId: repeatabilityId ?? '' }
    const repeated = await findRepeatedThread(room.db, caller.resourceId, asked)
    // What it had created was purged between the two: then this is a first time again.
    if (repeated !== undefined) return ok(repeated)
  }
}

function planOf(
  { platform }: ChatRoom,
  { caller, body, headers }: UserCall<AskedThread>,
): Result<Plan, Fault> {
  const { resourceId } = caller
  const { topic, participants, metadata, retentionPolicy } = body
  const repeatabilityId = headers['repeatability-request-id']
  if (!isRepeatabilityId(repeatabilityId)) return repeatabilityInvalid
  const fault = firstFault(
    faultOfName('topic', topic),
    faultOfMetadata('metadata', metadata),
    faultOfParticipants(participants ?? []),
  )
  if (fault !== undefined) return invalidBody(fault)
  const retention = daysOfRetention(retentionPolicy)
  if ('problem' in retention) return invalidBody(retention)
  const read = readParticipants(participants ?? [], resourceId)
  return ok({
    name: { resourceId, threadId: platform.newGuid() },
    repeatabilityId,
    people: { ...read, participants: withCreator(read.participants, caller) },
    answer: { topic, metadata: metadata ?? undefined, deleteAfterDays: retention.days },
  })
}

/** Whoever creates a thread is in it, under the name that it gave itself. */
function withCreator(
  participants: readonly Participant[],
  { identityId }: UserCaller,
): readonly Participant[] {
  const creator = participants.find((one) => one.identityId === identityId)
  const nameless = { identityId, displayName: '', shareHistoryAtMs: 0, metadata: undefined }
  return [creator ?? nameless, ...participants.filter((one) => one !== creator)]
}

function isRepeatabilityId(text: unknown): text is string | undefined {
  if (text === undefined) return true
  const isShort =
    typeof text === 'string' && text.length <= serverLimits.repeatabilityIdCharactersMax
  return isShort && text !== '' && faultOfText('', text) === undefined
}

const repeatabilityInvalid = fail<Fault>({
  kind: 'header-invalid',
  header: 'repeatability-request-id',
  expected: `1 to ${serverLimits.repeatabilityIdCharactersMax} characters, once`,
})

/** Gives `undefined` where the same request has created its thread before. */
async function store(
  room: ChatRoom,
  db: Transaction,
  { caller, plan }: { readonly caller: UserCaller; readonly plan: Plan },
): Promise<Result<CreatedThread, Fault> | undefined> {
  const { name, repeatabilityId, people } = plan
  const { resourceId } = name
  const asked = people.participants.map((one) => one.identityId)
  const existing = await holdIdentities(db, resourceId, asked)
  if (!existing.has(caller.identityId)) {
    return fail({ kind: 'caller-refused', reason: 'access-token-void' })
  }
  const participants = people.participants.filter((one) => existing.has(one.identityId))
  const tooMany: FieldFault | undefined = faultOfCount(participants.length)
  if (tooMany !== undefined) return invalidBody(tooMany)
  const missing = asked.filter((identityId) => !existing.has(identityId))
  const absent = missing.map((identityId) => notFound(rawIdFor(resourceId, identityId)))
  const answer = { ...plan.answer, invalid: [...people.invalid, ...absent] }
  const nowMs = room.platform.now()
  const createdAtMs = wholeSecond(nowMs)
  const thread = { ...name, createdAtMs, createdBy: caller.identityId, repeatabilityId, answer }
  if (!(await insertThread(db, { ...thread, firstMessageId: nowMs }))) return undefined
  await insertParticipants(db, name, { participants, position: 0 })
  const by = { initiatorId: caller.identityId }
  const first = { messageId: nowMs, sequence: 1, kind: 'participantAdded' } as const
  await insertSystemMessage(db, name, { ...first, ...by, people: participants })
  const second = { messageId: nowMs + 1, sequence: 2, kind: 'topicUpdated' } as const
  await insertSystemMessage(db, name, { ...second, ...by, topic: answer.topic })
  await announce(room, db, { thread, participants, nowMs })
  return ok({ ...name, createdAtMs, answer })
}

async function announce(
  room: ChatRoom,
  db: Transaction,
  created: {
    readonly thread: ThreadName & { readonly createdBy: string; readonly answer: CreatedAnswer }
    readonly participants: readonly Participant[]
    readonly nowMs: number
  },
): Promise<void> {
  const { thread, participants, nowMs } = created
  const { resourceId, createdBy, answer } = thread
  const members = participants.map(({ identityId, displayName }) => ({
    rawId: rawIdFor(resourceId, identityId),
    displayName,
  }))
  const creator = rawIdFor(resourceId, createdBy)
  const by = members.find(({ rawId }) => rawId === creator) ?? { rawId: creator, displayName: '' }
  const { topic, metadata, deleteAfterDays } = answer
  const properties = { topic, metadata, deleteAfterDays: deleteAfterDays ?? undefined }
  const event = { kind: 'chatThreadCreated', by, atMs: nowMs, members, properties } as const
  const recipients = recipientsOf(
    thread,
    participants.map((one) => one.identityId),
  )
  await room.publish(db, [noticeFor(thread, recipients, event)])
}
