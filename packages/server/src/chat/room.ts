/** What the operations of chat share: what they are given, and how they enter a thread. */
import { fail, ok, printIdentityName, type Result } from '@parley/protocol'
import type { Fault, FieldFault } from '../contract/faults.ts'
import type { UserCall } from '../contract/user-operation.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Resource } from '../resources/model.ts'
import type { ChatNotice, NoticeEvent, PublishNotices } from './notices.ts'
import {
  type Access,
  findAccess,
  type KnownParticipant,
  listMemberIds,
} from './participant-store.ts'
import { parseThreadId, printThreadId, type ThreadName } from './thread.ts'
import { holdIdentities, lockThread, type Thread } from './thread-store.ts'

/** What chat is made of. */
export interface ChatRoom {
  readonly db: Database
  readonly platform: Pick<Platform, 'now' | 'newGuid'>
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
  readonly findResource: (resourceId: string) => Resource | undefined
  /** Tells participants what happens; called in the transaction that makes it happen. */
  readonly publish: PublishNotices
}

/** A call as far as it says who enters which thread. */
export type ThreadCall = Pick<UserCall<unknown>, 'caller' | 'params'>

/** A thread, and the participant who calls. */
export interface Membership extends Access {
  readonly participant: KnownParticipant
}

/** The raw id of an identity. */
export function rawIdFor(resourceId: string, identityId: string): string {
  return printIdentityName({ resourceId, identityId })
}

/** The raw ids of those who are told something. */
export function recipientsOf(
  { resourceId }: ThreadName,
  identityIds: readonly string[],
): readonly string[] {
  return identityIds.map((identityId) => rawIdFor(resourceId, identityId))
}

/** The endpoint of a resource. */
export function endpointOf(room: ChatRoom, resourceId: string): string {
  return room.endpointFor(room.findResource(resourceId)?.name ?? '')
}

/** The path of a thread below the endpoint, as links have it. */
export function threadPath(name: ThreadName): string {
  return `chat/threads/${printThreadId(name).replace(':', '%3A')}`
}

/** The fault of a body with something wrong in it. */
export function invalidBody(fault: FieldFault): Result<never, Fault> {
  return fail({ kind: 'body-invalid', details: [fault] })
}

/** The thread that a call names. @faults `entry-unknown` - it is none of the caller's resource. */
export function threadOf({ caller, params }: ThreadCall): Result<ThreadName, Fault> {
  const name = parseThreadId(params['chatThreadId'] ?? '')
  return name?.resourceId === caller.resourceId ? ok(name) : unknownThread
}

const unknownThread = fail<Fault>({ kind: 'entry-unknown', what: 'thread' })
const notMember = fail<Fault>({ kind: 'user-not-allowed', reason: 'membership' })

/**
 * Looks at a thread as somebody who takes part, or did.
 *
 * @faults `entry-unknown` - there is no such thread; `user-not-allowed` - it never took part.
 */
export async function lookBackAt(
  room: ChatRoom,
  call: ThreadCall,
): Promise<Result<Membership, Fault>> {
  const name = threadOf(call)
  if (!name.ok) return name
  return membershipIn(await findAccess(room.db, name.value, call.caller.identityId))
}

/**
 * Looks at a thread as somebody who takes part.
 *
 * @faults as `lookBackAt`, and for those who were removed too.
 */
export async function lookAt(room: ChatRoom, call: ThreadCall): Promise<Result<Membership, Fault>> {
  const membership = await lookBackAt(room, call)
  return membership.ok ? taking(membership.value) : membership
}

function membershipIn(access: Access | undefined): Result<Membership, Fault> {
  if (access === undefined) return unknownThread
  const { participant } = access
  return participant === undefined ? notMember : ok({ ...access, participant })
}

function taking(membership: Membership): Result<Membership, Fault> {
  return membership.participant.removedAtMessage === undefined ? ok(membership) : notMember
}

/** A thread that is held, and the identities that are kept from being deleted meanwhile. */
export interface Entered extends Membership {
  readonly thread: Thread
  readonly existing: ReadonlySet<string>
}

/**
 * Enters a thread to change it, as somebody who takes part: holds it until what `act` does is
 * committed. `act` must decide before it writes.
 *
 * @param identityIds - whom the change is about.
 * @faults those of `lookAt` and of `act`.
 */
export async function enter<Value>(
  room: ChatRoom,
  call: ThreadCall & { readonly identityIds?: readonly string[] },
  act: (db: Transaction, entered: Entered) => Promise<Result<Value, Fault>>,
): Promise<Result<Value, Fault>> {
  const name = threadOf(call)
  if (!name.ok) return name
  const { caller, identityIds = [] } = call
  const entered = await room.db.begin(async (db): Promise<Result<Value, Fault>> => {
    const people = [...identityIds, caller.identityId]
    const existing = await holdIdentities(db, caller.resourceId, people)
    await lockThread(db, name.value)
    const known = membershipIn(await findAccess(db, name.value, caller.identityId))
    const membership = known.ok ? taking(known.value) : known
    return membership.ok ? act(db, { ...membership.value, existing }) : membership
  })
  return entered as Result<Value, Fault>
}

/** Tells those who take part in a thread, and some who do no more. */
export async function tell(
  room: ChatRoom,
  db: Transaction | Database,
  told: {
    readonly name: ThreadName
    readonly event: NoticeEvent
    readonly others?: readonly string[]
  },
): Promise<void> {
  const { name, event, others = [] } = told
  const members = await listMemberIds(db, name)
  const recipients = recipientsOf(name, [...new Set([...members, ...others])])
  await room.publish(db, [noticeFor(name, recipients, event)])
}

/** One event of a thread and who is to hear of it. */
export function noticeFor(
  name: ThreadName,
  recipients: readonly string[],
  event: NoticeEvent,
): ChatNotice {
  return { resourceId: name.resourceId, threadId: printThreadId(name), recipients, event }
}
