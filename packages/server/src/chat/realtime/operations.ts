import { fail, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../../contract/faults.ts'
import type { Call, Operation } from '../../contract/operation.ts'
import { PrintedText } from '../../contract/printed-text.ts'
import { type UserCaller, userOperation } from '../../contract/user-operation.ts'
import type { Database } from '../../database/connect.ts'
import { type AdmissionWorld, type Admitted, admitToken, chatScopes } from './admission.ts'
import { deleteEndpoint } from './endpoint-store.ts'
import type { Polling } from './polling.ts'
import { sessionLimits } from './session.ts'

/** What the operations need. */
export interface RealtimeRoom extends AdmissionWorld {
  readonly db: Database
  readonly polling: Polling
  readonly newGuid: () => string
}

const noStore = { 'cache-control': 'no-store' }

/** Seconds without a frame after which either side takes the other to be gone. */
const silenceSeconds = 180

/** The operations by which a client finds its socket and opens it. */
export function realtimeOperations(room: RealtimeRoom): readonly Operation[] {
  return [configuration(), allocation(room), ...registrations(room), ...socketIo(room)]
}

/** The origin by which the client reached the server; realtime is for https alone. */
function originOf({ headers }: Pick<Call, 'headers'>): string {
  return `https://${String(headers['host'])}`
}

function configuration(): Operation {
  return userOperation({
    id: 'Chat_GetRealTimeNotificationConfiguration',
    summary: 'Says where a client finds the realtime notifications.',
    method: 'GET',
    path: '/chat/config/realTimeNotifications',
    versions: 'unversioned',
    scopes: chatScopes,
    reply: {
      status: 200,
      schema: Type.Object({
        trouterServiceUrl: Type.String(),
        registrarServiceUrl: Type.String(),
        cloudType: Type.String(),
      }),
    },
    handle: (call) => {
      const origin = originOf(call)
      return ok({ trouterServiceUrl: origin, registrarServiceUrl: origin, cloudType: 'Public' })
    },
  })
}

const allocationSchema = Type.Object({
  socketio: Type.String(),
  url: Type.String(),
  surl: Type.String(),
  curlb: Type.String(),
  id: Type.String(),
  ccid: Type.String(),
  ttl: Type.String(),
  connectparams: Type.Record(Type.String(), Type.String()),
})

function allocation(room: RealtimeRoom): Operation {
  return userOperation({
    id: 'Parley_AllocateRealtimeConnection',
    summary: 'Gives a client the parameters with which it opens its socket (`X-Skypetoken`).',
    method: 'POST',
    path: '/v4/a',
    versions: 'unversioned',
    scopes: chatScopes,
    reply: { status: 200, schema: allocationSchema, isSecret: true },
    handle: (call) => {
      const { caller, query, nowMs } = call
      const token = tokenOf(call)
      const endpointId = endpointOf(room, query)
      const origin = originOf(call)
      const place = `${origin}/v4/f/${endpointId}/`
      const pass = { token, endpointId, issuedAtMs: nowMs }
      return ok({
        socketio: `${origin}/`,
        url: place,
        surl: place,
        curlb: origin,
        id: endpointId,
        ccid: room.newGuid(),
        ttl: String(sessionLimits.ttlSeconds),
        connectparams: room.passes.issue(pass, caller.expiresAtMs),
      })
    },
  })
}

const endpointPattern = /^[A-Za-z0-9._-]{1,128}$/

/** What the client calls itself, now or in the parameters that it had kept; else a new name. */
function endpointOf(room: RealtimeRoom, query: Call['query']): string {
  const { epid, sig } = query
  if (typeof epid === 'string' && endpointPattern.test(epid)) return epid
  return room.passes.open(sig)?.endpointId ?? room.newGuid()
}

function tokenOf({ headers }: Pick<Call, 'headers'>): string {
  const bearer = String(headers['authorization'] ?? '').replace(/^bearer +/i, '')
  return bearer === '' ? String(headers['x-skypetoken'] ?? '') : bearer
}

function registrations(room: RealtimeRoom): readonly Operation[] {
  return [
    userOperation({
      id: 'Parley_RegisterForNotifications',
      summary: 'Acknowledges a registration: whoever has a socket is told, registered or not.',
      method: 'POST',
      path: '/v3/registrations',
      versions: 'unversioned',
      scopes: chatScopes,
      body: {
        schema: Type.Object({ registrationId: Type.String({ minLength: 1, maxLength: 128 }) }),
        isRequired: true,
        passesOverUnknown: true,
      },
      reply: { status: 202 },
      handle: () => ok(undefined),
    }),
    userOperation({
      id: 'Parley_UnregisterFromNotifications',
      summary: 'Forgets a client: when it comes back, it begins anew.',
      method: 'DELETE',
      path: '/v3/registrations/{registrationId}',
      versions: 'unversioned',
      scopes: chatScopes,
      reply: { status: 204 },
      handle: async ({ caller, params }) => {
        const { resourceId, identityId } = caller
        // A client registers by the name that it gives itself at its socket.
        const endpointId = String(params['registrationId'])
        await deleteEndpoint(room.db, { resourceId, identityId, endpointId })
        return ok(undefined)
      },
    }),
  ]
}

const textSchema = Type.Object({ text: Type.String() })

function socketIo(room: RealtimeRoom): readonly Operation[] {
  const open = { access: 'user', scopes: chatScopes, versions: 'unversioned' } as const
  const frames = { status: 200, schema: Type.String(), isText: true, headers: noStore } as const
  const path = '/socket.io/1/xhr-polling/{sessionId}'
  return [
    {
      ...open,
      id: 'Parley_BeginSocket',
      summary: 'Begins a session of socket.io 0.9: its id, two times in seconds, its transports.',
      method: 'GET',
      path: '/socket.io/1/',
      reply: frames,
      handle: () => {
        const times = `${silenceSeconds}:${silenceSeconds}`
        return ok(new PrintedText(`${room.newGuid()}:${times}:websocket,xhr-polling`))
      },
    },
    {
      ...open,
      id: 'Parley_PollSocket',
      summary: 'Waits for frames of a session.',
      method: 'GET',
      path,
      reply: frames,
      handle: async (call) => {
        const admitted = admittedBy(room, call)
        if (!admitted.ok) return admitted
        const isGreeted = call.query['connected'] === 'true'
        const polled = await room.polling.poll(admitted.value, { isGreeted })
        return polled.ok ? ok(new PrintedText(polled.value)) : polled
      },
    },
    {
      ...open,
      id: 'Parley_PostToSocket',
      summary: 'Takes frames of a client.',
      method: 'POST',
      path,
      body: { schemas: { 'text/plain': textSchema }, isRequired: true },
      reply: frames,
      handle: (call) => {
        const admitted = admittedBy(room, call)
        if (!admitted.ok) return admitted
        const { text } = call.body as { readonly text: string }
        const taken = room.polling.post(admitted.value, text)
        return taken.ok ? ok(new PrintedText('1')) : taken
      },
    },
  ]
}

const sessionPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Who polls: the pipeline knows the caller; what its token depends on is read from that. */
function admittedBy(room: RealtimeRoom, call: Call): Result<Admitted, Fault> {
  const sessionId = String(call.params['sessionId'])
  if (!sessionPattern.test(sessionId)) return fail({ kind: 'path-unknown' })
  const endpointId = endpointOf(room, call.query)
  const admitted = admitToken(room, { token: tokenOf(call), endpointId, sessionId })
  const isCaller = admitted?.rawId === (call.caller as UserCaller).rawId
  if (admitted !== undefined && isCaller) return ok(admitted)
  return fail({ kind: 'caller-refused', reason: 'access-token-void' })
}
