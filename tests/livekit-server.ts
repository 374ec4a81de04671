/** A server that answers as LiveKit's documentation says. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type JWTPayload, jwtVerify } from 'jose'

/** What a participant may do. */
export interface LivekitPermission {
  readonly canPublish?: boolean
  readonly canSubscribe?: boolean
  readonly canPublishData?: boolean
}

interface Grant extends LivekitPermission {
  readonly room?: string
  readonly roomJoin?: boolean
  readonly roomCreate?: boolean
  readonly roomList?: boolean
  readonly roomAdmin?: boolean
  readonly canPublishSources?: readonly string[]
}

interface Room {
  readonly name: string
  readonly maxParticipants: number
  readonly participants: Map<string, LivekitPermission>
  /** Tokens of these identities whose `nbf` is earlier are void. */
  readonly revoked: Map<string, number>
}

interface Body {
  readonly name?: string
  readonly names?: readonly string[]
  readonly room?: string
  readonly identity?: string
  readonly maxParticipants?: number
  readonly revokeTokenTs?: string
  readonly permission?: LivekitPermission
}
type Answer = { readonly status: number; readonly body: object }

/** A LiveKit to test against. */
export interface LivekitServer {
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
  /** What its clients do: connects with a token, and says what came of it. */
  readonly connect: (token: string) => Promise<'connected' | 'refused'>
  readonly disconnect: (room: string, identity: string) => void
  readonly permissionOf: (room: string, identity: string) => LivekitPermission | undefined
  /** The claims of a token that it takes. */
  readonly read: (token: string) => Promise<JWTPayload & { readonly video?: Grant }>
  /** While set, every request is answered with this status. */
  failWith: number | undefined
  readonly close: () => Promise<void>
}

const apiKey = 'parley-test'
const apiSecret = 'a secret that only the test and its server know'

/** Starts one on a free port. */
export async function startLivekitServer(): Promise<LivekitServer> {
  const rooms = new Map<string, Room>()
  const server = createServer((request, response) => {
    answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  })
  const verify = async (token: string) => {
    const key = new TextEncoder().encode(apiSecret)
    const { payload } = await jwtVerify<{ video?: Grant }>(token, key, { issuer: apiKey })
    return payload
  }
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (livekit.failWith !== undefined) return refused(livekit.failWith, 'unavailable')
    const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
    const claims = await verify(token).catch(() => undefined)
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Body
    const method = request.url?.replace('/twirp/livekit.RoomService/', '') ?? ''
    const verb = verbs[method]
    if (verb === undefined) return refused(404, 'bad_route')
    if (claims === undefined || !verb.isGranted(claims.video ?? {}, body)) {
      return refused(401, 'unauthenticated')
    }
    return verb.answer(rooms, body)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const livekit: LivekitServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ apiKey, apiSecret, failWith: undefined, read: verify },
    async connect(token) {
      const claims = await verify(token).catch(() => undefined)
      const { room: name = '', roomJoin } = claims?.video ?? {}
      const room = rooms.get(name)
      const identity = claims?.sub ?? ''
      if (room === undefined || roomJoin !== true || identity === '') return 'refused'
      if ((claims?.nbf ?? 0) < (room.revoked.get(identity) ?? 0)) return 'refused'
      const { canPublish, canSubscribe, canPublishData } = claims?.video ?? {}
      const permission = { canPublish, canSubscribe, canPublishData } as LivekitPermission
      room.participants.set(identity, permission)
      return 'connected'
    },
    disconnect: (room, identity) => void rooms.get(room)?.participants.delete(identity),
    permissionOf: (room, identity) => rooms.get(room)?.participants.get(identity),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return livekit
}

interface Verb {
  readonly isGranted: (grant: Grant, body: Body) => boolean
  readonly answer: (rooms: Map<string, Room>, body: Body) => Answer
}

const administers = (grant: Grant, { room }: Body) =>
  grant.roomAdmin === true && grant.room === room

/** Runs on a participant that is there; LiveKit knows nothing of others. */
function ofParticipant(
  act: (room: Room, identity: string, body: Body) => object,
): (rooms: Map<string, Room>, body: Body) => Answer {
  return (rooms, body) => {
    const room = rooms.get(String(body.room))
    const identity = String(body.identity)
    if (room === undefined || !room.participants.has(identity)) return refused(404, 'not_found')
    return { status: 200, body: act(room, identity, body) }
  }
}

const verbs: Readonly<Record<string, Verb>> = {
  CreateRoom: {
    isGranted: ({ roomCreate }) => roomCreate === true,
    answer: (rooms, { name, maxParticipants }) => {
      const room = rooms.get(String(name)) ?? {
        ...{ name: String(name), maxParticipants: Number(maxParticipants) },
        ...{ participants: new Map(), revoked: new Map() },
      }
      rooms.set(room.name, room)
      return { status: 200, body: { name: room.name, maxParticipants: room.maxParticipants } }
    },
  },
  ListRooms: {
    isGranted: ({ roomList }) => roomList === true,
    answer: (rooms, { names = [] }) => {
      const found = [...rooms.values()].filter(
        ({ name }) => names.length === 0 || names.includes(name),
      )
      return { status: 200, body: { rooms: found.map(({ name }) => ({ name })) } }
    },
  },
  DeleteRoom: {
    isGranted: ({ roomCreate }) => roomCreate === true,
    answer: (rooms, { room }) =>
      rooms.delete(String(room)) ? { status: 200, body: {} } : refused(404, 'not_found'),
  },
  ListParticipants: {
    isGranted: administers,
    answer: (rooms, { room }) => {
      const found = rooms.get(String(room))
      if (found === undefined) return refused(404, 'not_found')
      const participants = [...found.participants].map(([identity, permission]) => ({
        ...{ sid: `PA_${identity}`, identity, state: 'ACTIVE', permission },
      }))
      return { status: 200, body: { participants } }
    },
  },
  RemoveParticipant: {
    isGranted: administers,
    answer: ofParticipant((room, identity, { revokeTokenTs = 0 }) => {
      room.participants.delete(identity)
      room.revoked.set(identity, Number(revokeTokenTs))
      return {}
    }),
  },
  UpdateParticipant: {
    isGranted: administers,
    answer: ofParticipant((room, identity, { permission }) => {
      room.participants.set(identity, permission ?? {})
      return { sid: `PA_${identity}`, identity }
    }),
  },
}

function refused(status: number, code: string): Answer {
  return { status, body: { code, msg: code } }
}
