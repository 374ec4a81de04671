/**
 * What this server asks of LiveKit, by Twirp (`livekit.RoomService`).
 *
 * A call is a LiveKit room named `<resource id>_<call id>`, a leg a participant whose identity is
 * the leg id. LiveKit so learns of nobody who they are, and as a leg id never comes back, whatever
 * is revoked of one can be revoked without leeway.
 */
import { type CallMedia, fail, ok, type Result } from '@parley/protocol'
import type { LivekitPlace } from '../../foundation/livekit-settings.ts'
import type { EngineCall, EngineFault, EngineLeg } from '../media-engine.ts'
import type { LegPermissions } from '../permissions.ts'

/** What there is in LiveKit, and what can be done to it; each settles within `requestTimeoutMs`. */
export interface LivekitRooms {
  /** Creates a room, or leaves the one that is there. */
  readonly create: (
    call: EngineCall,
    limits: { readonly legsMax: number },
  ) => Promise<Result<undefined, EngineFault>>
  /** Says whether there is a room. */
  readonly has: (call: EngineCall) => Promise<Result<boolean, EngineFault>>
  readonly remove: (call: EngineCall) => Promise<Result<undefined, EngineFault>>
  readonly listCalls: () => Promise<Result<readonly EngineCall[], EngineFault>>
  /** The ids of the legs that are connected. */
  readonly listLegs: (call: EngineCall) => Promise<Result<readonly string[], EngineFault>>
  /** Ends a connection, and voids what tokens of it are out there; `refused`: it has none. */
  readonly removeLeg: (leg: EngineLeg, atMs: number) => Promise<Result<undefined, EngineFault>>
  /** `refused`: it is not connected. */
  readonly permit: (
    leg: EngineLeg,
    permissions: LegPermissions,
  ) => Promise<Result<undefined, EngineFault>>
  /** Signs what lets a leg connect, once or several times, for `ttlSeconds`. */
  readonly tokenFor: (
    leg: EngineLeg & { readonly media: CallMedia },
    permissions: LegPermissions,
    ttlSeconds: number,
  ) => Promise<string>
}

const requestTimeoutSeconds = 3
/** How long a room without anybody in it is kept: as long as a call rings, and some more. */
const emptySeconds = 120

/**
 * Opens LiveKit's room service. The SDK is loaded here, so that who has no LiveKit has not its
 * 20 MB in memory either.
 *
 * @source LiveKit, `livekit.RoomService`; `revokeTokenTs` voids tokens whose `nbf` is before it.
 */
export async function openLivekitRooms(
  place: Omit<LivekitPlace, 'clientUrl'>,
): Promise<LivekitRooms> {
  const sdk = await import('livekit-server-sdk')
  const { url, apiKey, apiSecret } = place
  const options = { requestTimeout: requestTimeoutSeconds, failover: false }
  const client = new sdk.RoomServiceClient(url, apiKey, apiSecret, options)
  const asked = async <Value>(question: Promise<Value>): Promise<Result<Value, EngineFault>> => {
    try {
      return ok(await question)
    } catch (error) {
      return fail(faultOf(error, sdk.TwirpError))
    }
  }
  const done = async (question: Promise<unknown>) => {
    const answer = await asked(question)
    return answer.ok ? ok(undefined) : answer
  }
  return {
    create: (call, { legsMax }) =>
      done(
        client.createRoom({
          ...{ name: roomOf(call), maxParticipants: legsMax },
          ...{ emptyTimeout: emptySeconds, departureTimeout: emptySeconds },
        }),
      ),
    async has(call) {
      const found = await asked(client.listRooms([roomOf(call)]))
      return found.ok ? ok(found.value.length > 0) : found
    },
    remove: async (call) => passingOver(await done(client.deleteRoom(roomOf(call)))),
    async listCalls() {
      const found = await asked(client.listRooms())
      return found.ok ? ok(found.value.flatMap(({ name }) => callIn(name))) : found
    },
    async listLegs(call) {
      const found = await asked(client.listParticipants(roomOf(call)))
      if (!found.ok) return found.fault.kind === 'refused' ? ok([]) : found
      return ok(found.value.map(({ identity }) => identity))
    },
    removeLeg: (leg, atMs) => {
      const revokeTokenTs = BigInt(Math.floor(atMs / 1000) + 1)
      return done(client.removeParticipant(roomOf(leg), leg.legId, { revokeTokenTs }))
    },
    permit: (leg, permissions) =>
      done(client.updateParticipant(roomOf(leg), leg.legId, { permission: allowing(permissions) })),
    tokenFor: (...asked) => signToken(sdk, place, asked),
  }
}

type Sdk = typeof import('livekit-server-sdk')

function signToken(
  { AccessToken, TrackSource }: Sdk,
  { apiKey, apiSecret }: Omit<LivekitPlace, 'clientUrl'>,
  [leg, permissions, ttlSeconds]: Parameters<LivekitRooms['tokenFor']>,
): Promise<string> {
  const { MICROPHONE, CAMERA, SCREEN_SHARE, SCREEN_SHARE_AUDIO } = TrackSource
  const pictures = leg.media === 'audio' ? [] : [CAMERA, SCREEN_SHARE, SCREEN_SHARE_AUDIO]
  const token = new AccessToken(apiKey, apiSecret, { identity: leg.legId, ttl: ttlSeconds })
  token.addGrant({
    ...{ roomJoin: true, room: roomOf(leg), ...allowing(permissions) },
    canUpdateOwnMetadata: false,
    // Where there are sources, they alone count: who may send nothing has none.
    ...(permissions.canSend ? { canPublishSources: [MICROPHONE, ...pictures] } : {}),
  })
  return token.toJwt()
}

function allowing({ canSend, canReceive }: LegPermissions) {
  return { canPublish: canSend, canSubscribe: canReceive, canPublishData: false }
}

function roomOf({ resourceId, callId }: EngineCall): string {
  return `${resourceId}_${callId}`
}

const guid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const roomPattern = new RegExp(`^(${guid})_(${guid})$`)

/** The call that a room is of; none of rooms that others have made. */
function callIn(name: string): readonly EngineCall[] {
  const [, resourceId, callId] = roomPattern.exec(name) ?? []
  return resourceId === undefined || callId === undefined ? [] : [{ resourceId, callId }]
}

function passingOver(answer: Result<undefined, EngineFault>): Result<undefined, EngineFault> {
  return !answer.ok && answer.fault.kind === 'refused' ? ok(undefined) : answer
}

function faultOf(
  error: unknown,
  TwirpError: typeof import('livekit-server-sdk')['TwirpError'],
): EngineFault {
  if (!(error instanceof TwirpError)) return { kind: 'unreachable', detail: String(error) }
  const kind = error.code === 'not_found' ? 'refused' : 'unreachable'
  return { kind, detail: `LiveKit: ${error.code ?? error.status} ${error.message}` }
}
