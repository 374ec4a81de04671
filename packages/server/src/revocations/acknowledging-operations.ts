import { fail, isGuid, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { createGather } from '../foundation/gather.ts'
import type { Platform } from '../foundation/platform.ts'
import {
  type Acknowledgement,
  deleteFollower,
  insertFollower,
  renewFollowers,
} from '../nodes/follower-store.ts'
import { waitMsFor } from '../nodes/followers.ts'
import { parsePosition } from './position.ts'

/** What acknowledging needs. */
export interface AcknowledgingRoom {
  readonly db: Database
  readonly platform: Pick<Platform, 'newGuid'>
}

interface Asked extends Acknowledgement {
  readonly resourceId: string
}

const path = '/parley/revocations/followers'
const enteredSchema = Type.Object({ id: Type.String(), leaseMs: Type.Integer() })
const toldSchema = Type.Object({
  seq: Type.Integer({
    description: 'The last cut-off of the resource: the lease begins when it is applied.',
  }),
})
const noStore = { 'cache-control': 'no-store' }

/**
 * The operations of verifiers elsewhere that voidings wait for. What they send stands in the query:
 * a request without a body needs no hash of one to be signed.
 */
export function acknowledgingOperations({ db, platform }: AcknowledgingRoom): readonly Operation[] {
  const gather = createGather<Asked, number | undefined>({
    keyOf: ({ resourceId }) => resourceId,
    answerAll: (resourceId, asked) => renewFollowers(db, resourceId, asked),
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return [
    resourceOperation({
      access: 'follower',
      id: 'Parley_EnterFollower',
      summary: 'Enters a verifier that voidings wait for (`leaseMs`, `seq` in the query).',
      method: 'POST',
      path,
      versions: 'unversioned',
      reply: {
        status: 201,
        headers: noStore,
        schema: enteredSchema,
      },
      handle: (call) => enter({ db, platform }, call),
    }),
    resourceOperation({
      access: 'follower',
      id: 'Parley_Acknowledge',
      summary: 'Says how far a follower is (`seq` in the query), which renews its lease.',
      method: 'POST',
      path: `${path}/{followerId}/:acknowledge`,
      versions: 'unversioned',
      reply: {
        status: 200,
        headers: noStore,
        schema: toldSchema,
      },
      handle: async (call) => {
        const { caller, query } = call
        const [followerId, seq] = [followerIdOf(call), parsePosition(query['seq'], 'seq')]
        if (!seq.ok) return seq
        const { resourceId } = caller
        const lastSeq = followerId && (await gather.ask({ resourceId, followerId, seq: seq.value }))
        return typeof lastSeq === 'number' ? ok({ seq: lastSeq }) : followerUnknown
      },
    }),
    resourceOperation({
      access: 'follower',
      id: 'Parley_LeaveFollower',
      summary: 'Takes out a follower that accepts nothing any more.',
      method: 'DELETE',
      path: `${path}/{followerId}`,
      versions: 'unversioned',
      reply: { status: 204 },
      handle: async (call) => {
        const followerId = followerIdOf(call)
        if (followerId) await deleteFollower(db, call.caller.resourceId, followerId)
        return ok(undefined)
      },
    }),
  ]
}

async function enter(
  { db, platform }: AcknowledgingRoom,
  { caller, query }: ResourceCall<unknown>,
): Promise<Result<unknown, Fault>> {
  const { resourceId, actor, credential } = caller
  if (credential?.mayBeWaitedFor === false) return fail({ kind: 'caller-not-allowed', actor })
  const appliedSeq = parsePosition(query['seq'], 'seq')
  if (!appliedSeq.ok) return appliedSeq
  const leaseMs = Number(query['leaseMs'])
  const { followerLeaseMsMin: min, followerLeaseMsMax: max } = serverLimits
  if (!(Number.isInteger(leaseMs) && leaseMs >= min && leaseMs <= max)) {
    return fail({ kind: 'query-invalid', parameter: 'leaseMs', expected: `${min}..${max}` })
  }
  const followerId = platform.newGuid()
  const isEntered = await insertFollower(
    db,
    { resourceId, followerId, appliedSeq: appliedSeq.value, waitMs: waitMsFor(leaseMs) },
    serverLimits.waitedForFollowersMax,
  )
  return isEntered ? ok({ id: followerId, leaseMs }) : fail({ kind: 'server-busy' })
}

/** The id in the path; empty for what is none. */
function followerIdOf({ params }: ResourceCall<unknown>): string {
  const id = (params['followerId'] ?? '').toLowerCase()
  return isGuid(id) ? id : ''
}

const followerUnknown = fail<Fault>({ kind: 'entry-unknown', what: 'follower' })
