import {
  callingPath,
  callingSubprotocol,
  fail,
  isGuid,
  ok,
  parseIdentityName,
  printIdentityName,
  type Result,
} from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, resourceOperation } from '../contract/operation.ts'
import { userOperation } from '../contract/user-operation.ts'
import type { Resource } from '../resources/model.ts'
import { type BareCall, findCall, listCalls } from './call-store.ts'
import { endCall, endLegsOf } from './going.ts'
import { type Call, type Leg, rawIdOf } from './model.ts'
import { voipScopes } from './permissions.ts'
import type { CallName, CallWorld } from './steps.ts'

/** What the operations of calls need. */
export interface CallsRoom extends CallWorld {
  readonly findResource: (resourceId: string) => Resource | undefined
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
}

const callFields = {
  id: Type.String(),
  media: Type.String(),
  engine: Type.String(),
  roomId: Type.Optional(Type.String()),
  isJoinable: Type.Boolean(),
  createdAt: instantSchema,
  endedAt: Type.Optional(instantSchema),
  endReason: Type.Optional(Type.String()),
}

const callSchema = Type.Object(callFields)

const legSchema = Type.Object({
  legId: Type.String(),
  rawId: Type.Optional(
    Type.String({ description: '`4:+...` of a phone; absent where the identity is deleted.' }),
  ),
  deviceId: Type.String(),
  direction: Type.String({ description: '`started`, `answered` or `joined`.' }),
  role: Type.String(),
  isMuted: Type.Boolean(),
  joinedAt: instantSchema,
  connectedAt: Type.Optional(instantSchema),
  endedAt: Type.Optional(instantSchema),
  endReason: Type.Optional(Type.String()),
})

const wholeCallSchema = Type.Object({
  ...callFields,
  participants: Type.Array(legSchema),
  called: Type.Array(Type.Object({ rawId: Type.String(), state: Type.String() })),
})

const callUnknown = fail<Fault>({ kind: 'entry-unknown', what: 'call' })

/** The operations of calls. */
export function callOperations(room: CallsRoom): readonly Operation[] {
  return [
    listOperation(room),
    getOperation(room),
    endOperation(room),
    removeOperation(room),
    configOperation(room),
  ]
}

function listOperation(room: CallsRoom): Operation {
  return resourceOperation({
    id: 'Parley_ListCalls',
    summary: 'Lists the calls of a resource, the oldest first; `state=live` those that go on.',
    method: 'GET',
    path: '/calls',
    versions: 'unversioned',
    query: {
      state: Type.Optional(Type.Literal('live')),
      after: Type.Optional(Type.String({ description: 'As in a `nextLink`.' })),
    },
    reply: {
      status: 200,
      schema: Type.Object({
        value: Type.Array(callSchema),
        nextLink: Type.Optional(Type.String()),
      }),
    },
    handle: async ({ caller: { resourceId }, query }) => {
      const after = query['after'] === undefined ? undefined : parsePlace(String(query['after']))
      if (after === undefined && query['after'] !== undefined) {
        return fail({ kind: 'query-invalid', parameter: 'after', expected: 'as in a nextLink' })
      }
      const isLiveOnly = query['state'] === 'live'
      const { callsInPage } = serverLimits
      const asked = { after, isLiveOnly, callsMax: callsInPage + 1 }
      const found = await listCalls(room.db, resourceId, asked)
      const shown = found.slice(0, callsInPage)
      const last = found.length > callsInPage ? shown.at(-1) : undefined
      const endpoint = room.endpointFor(room.findResource(resourceId)?.name ?? '')
      const rest = isLiveOnly ? '&state=live' : ''
      const nextLink = last && `${endpoint}calls?after=${last.createdAtMs}_${last.callId}${rest}`
      return ok({ value: shown.map(printCall), ...(nextLink === undefined ? {} : { nextLink }) })
    },
  })
}

function parsePlace(
  text: string,
): { readonly createdAtMs: number; readonly callId: string } | undefined {
  const [createdAtMs = '', callId = ''] = text.split('_', 2)
  const isPlace = /^[0-9]{1,15}$/.test(createdAtMs) && isGuid(callId)
  return isPlace ? { createdAtMs: Number(createdAtMs), callId } : undefined
}

function getOperation(room: CallsRoom): Operation {
  return resourceOperation({
    id: 'Parley_GetCall',
    summary: 'Gets a call: who was in it, from when until when, and who was called.',
    method: 'GET',
    path: '/calls/{callId}',
    versions: 'unversioned',
    reply: { status: 200, schema: wholeCallSchema },
    handle: async ({ caller: { resourceId }, params }) => {
      const named = callIn(resourceId, params)
      const call = named && (await findCall(room.db, resourceId, named.callId))
      return call ? ok(printWholeCall(call)) : callUnknown
    },
  })
}

function endOperation(room: CallsRoom): Operation {
  return resourceOperation({
    id: 'Parley_EndCall',
    summary: 'Ends a call for everybody. Harmless to repeat.',
    method: 'POST',
    path: '/calls/{callId}/:end',
    versions: 'unversioned',
    reply: { status: 204 },
    handle: async ({ caller: { resourceId }, params }) => {
      const named = callIn(resourceId, params)
      if (named === undefined) return callUnknown
      const ended = await endCall(room, named)
      return ended.ok ? ok(undefined) : doneIfKnown(room, named)
    },
  })
}

function removeOperation(room: CallsRoom): Operation {
  return resourceOperation({
    id: 'Parley_RemoveFromCall',
    summary:
      'Sends an identity out of a call, with all its devices, or a phone. Harmless to repeat.',
    method: 'POST',
    path: '/calls/{callId}/participants/{rawId}/:remove',
    versions: 'unversioned',
    reply: { status: 204 },
    handle: async ({ caller: { resourceId }, params, nowMs: atMs }) => {
      const named = callIn(resourceId, params)
      const { rawId = '' } = params
      const isOfCall = rawId.startsWith('4:') || parseIdentityName(rawId)?.resourceId === resourceId
      if (named === undefined || !isOfCall) return callUnknown
      const isMeant = (leg: Leg) => rawIdOf(resourceId, leg) === rawId
      const ended = await endLegsOf(room, named, { isMeant, reason: 'removed', atMs })
      return ended.ok ? ok(undefined) : doneIfKnown(room, named)
    },
  })
}

function configOperation(room: CallsRoom): Operation {
  return userOperation({
    id: 'Parley_GetCallingConfig',
    summary: 'What a client of calls should know before it opens its socket.',
    method: 'GET',
    path: '/calling/config',
    scopes: voipScopes,
    versions: 'unversioned',
    reply: {
      status: 200,
      schema: Type.Object({
        subprotocol: Type.String(),
        path: Type.String(),
        pingEveryMs: Type.Integer(),
        ringForMs: Type.Integer(),
        resumeWithinMs: Type.Integer(),
        frameBytesMax: Type.Integer(),
        legsMax: Type.Object({ audio: Type.Integer(), video: Type.Integer() }),
        calleesMax: Type.Integer(),
        codecs: Type.Object({ audio: Type.Array(Type.String()), video: Type.Array(Type.String()) }),
        isRelayConfigured: Type.Boolean(),
        arePhonesConfigured: Type.Boolean(),
      }),
    },
    handle: () => ok(callingConfig(room)),
  })
}

function callingConfig({ engines }: CallsRoom) {
  const { legsMax } = engines.choose({ isGroup: true, isToPhone: false })
  return {
    subprotocol: callingSubprotocol,
    path: callingPath,
    pingEveryMs: serverLimits.callPingMs,
    ringForMs: serverLimits.callRingMs,
    resumeWithinMs: serverLimits.callResumeMs,
    frameBytesMax: serverLimits.callFrameBytesMax,
    legsMax: { audio: legsMax('audio'), video: legsMax('video') },
    calleesMax: serverLimits.callCalleesMax,
    codecs: { audio: ['opus'], video: ['VP8', 'H264'] },
    isRelayConfigured: false,
    arePhonesConfigured: engines.all.some(({ hasPhones }) => hasPhones),
  }
}

function callIn(
  resourceId: string,
  params: Readonly<Record<string, string>>,
): CallName | undefined {
  const callId = params['callId'] ?? ''
  return isGuid(callId) ? { resourceId, callId } : undefined
}

async function doneIfKnown(room: CallsRoom, named: CallName): Promise<Result<undefined, Fault>> {
  const known = await findCall(room.db, named.resourceId, named.callId)
  return known === undefined ? callUnknown : ok(undefined)
}

function printCall(call: BareCall) {
  const { callId, media, engine, roomId, isJoinable, createdAtMs, end } = call
  return {
    ...{ id: callId, media, engine, isJoinable, createdAt: printInstant(createdAtMs) },
    ...(roomId === undefined ? {} : { roomId }),
    ...printEnd(end),
  }
}

function printEnd(end: { readonly atMs: number; readonly reason: string } | undefined) {
  return end === undefined ? {} : { endedAt: printInstant(end.atMs), endReason: end.reason }
}

function printWholeCall(call: Call) {
  const { resourceId, legs, rings } = call
  return {
    ...printCall(call),
    participants: legs.map((leg) => ({
      legId: leg.legId,
      ...printRawId(rawIdOf(resourceId, leg)),
      ...{ deviceId: leg.deviceId, direction: leg.direction, role: leg.role, isMuted: leg.isMuted },
      joinedAt: printInstant(leg.joinedAtMs),
      ...(leg.connectedAtMs === undefined ? {} : { connectedAt: printInstant(leg.connectedAtMs) }),
      ...printEnd(leg.end),
    })),
    called: rings.map(({ identityId, state }) => {
      return { rawId: printIdentityName({ resourceId, identityId }), state }
    }),
  }
}

function printRawId(rawId: string | undefined): { readonly rawId?: string } {
  return rawId === undefined ? {} : { rawId }
}
