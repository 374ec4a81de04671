/**
 * Participants: who is in a thread.
 *
 * Whoever creates a thread is in it. Every participant may add and remove others, itself included;
 * that is leaving. Only identities of the thread's own resource can be in it. Those that cannot be
 * added do not keep the others out: they come back as invalid, an identity of another resource
 * exactly like one that never was, because the answer must not tell what exists elsewhere.
 *
 * Whoever was removed goes on reading what was there at that moment, and nothing newer. Added
 * again, it is a participant like any other, and what was said meanwhile is open to it as far as
 * `shareHistoryTime` goes.
 *
 * @source ACS Chat 2025-03-15, `ChatParticipant`; limits of the service.
 */
import { parseIdentityName } from '@parley/protocol'
import type { FieldFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { faultOfMetadata, faultOfName, firstFault, type Metadata } from './texts.ts'

/** A communication identifier as a request has it. */
export interface AskedIdentifier {
  readonly rawId?: string | null
  readonly communicationUser?: { readonly id: string } | null
}

/** A participant as a request has it. */
export interface AskedParticipant {
  readonly communicationIdentifier: AskedIdentifier
  readonly displayName?: string | null
  readonly shareHistoryTime?: string | null
  readonly metadata?: Metadata | null
}

/** A participant of a thread. */
export interface Participant {
  /** The identity within the resource. */
  readonly identityId: string
  /** `""`: none was given. */
  readonly displayName: string
  /** Older messages are not for it; milliseconds since the Unix epoch. */
  readonly shareHistoryAtMs: number
  readonly metadata: Metadata | undefined
}

/** Somebody who was not added, and why. */
export interface InvalidParticipant {
  readonly code: '403' | '404'
  readonly message: string
  /** The raw id, as far as the request said one. */
  readonly target: string
}

/** Participants to add, each identity once, and those who are none. */
export interface ReadParticipants {
  readonly participants: readonly Participant[]
  readonly invalid: readonly InvalidParticipant[]
}

/** The raw id that an identifier means; empty where it means nobody. */
export function rawIdOf({ communicationUser, rawId }: AskedIdentifier): string {
  return communicationUser?.id ?? rawId ?? ''
}

/** Why somebody was not added whom the resource does not have. */
export function notFound(target: string): InvalidParticipant {
  return { code: '404', message: 'Not found', target }
}

/**
 * Reads the participants of a request. Somebody who stands there twice is added once, as the last
 * of the two says.
 *
 * Users of other kinds, of Teams or by telephone, are not allowed in; ids of other resources and
 * those that nobody issued are not found.
 */
export function readParticipants(
  asked: readonly AskedParticipant[],
  resourceId: string,
): ReadParticipants {
  const participants = new Map<string, Participant>()
  const invalid: InvalidParticipant[] = []
  for (const one of asked) {
    const target = rawIdOf(one.communicationIdentifier)
    const name = parseIdentityName(target)
    if (name?.resourceId === resourceId) {
      const { identityId } = name
      participants.set(identityId, {
        identityId,
        displayName: one.displayName ?? '',
        shareHistoryAtMs: Math.max(0, Date.parse(one.shareHistoryTime ?? '') || 0),
        metadata: one.metadata ?? undefined,
      })
    } else if (one.communicationIdentifier.communicationUser || target.startsWith('8:acs:')) {
      invalid.push(notFound(target))
    } else {
      invalid.push({ code: '403', message: 'Permissions check failed', target })
    }
  }
  return { participants: [...participants.values()], invalid }
}

/** What is wrong with the participants of a request as a whole. */
export function faultOfParticipants(asked: readonly AskedParticipant[]): FieldFault | undefined {
  const { chatParticipantsInCallMax: max } = serverLimits
  if (asked.length > max) {
    return { field: 'participants', problem: `More than ${max} participants in one call.` }
  }
  for (const [index, one] of asked.entries()) {
    const field = `participants[${index}]`
    const fault = firstFault(
      faultOfName(`${field}.communicationIdentifier`, rawIdOf(one.communicationIdentifier)),
      faultOfName(`${field}.displayName`, one.displayName),
      faultOfMetadata(`${field}.metadata`, one.metadata),
    )
    if (fault !== undefined) return fault
  }
  return undefined
}

/** What is wrong with so many participants in one thread. */
export function faultOfCount(count: number): FieldFault | undefined {
  const { chatParticipantsMax: max } = serverLimits
  if (count <= max) return undefined
  return { field: 'participants', problem: `A thread has ${max} participants at most.` }
}

/** Whether typing and reading are told in a thread of so many. */
export function isAttentive(participantCount: number): boolean {
  return participantCount <= serverLimits.chatAttentiveParticipantsMax
}
