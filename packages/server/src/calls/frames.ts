/** Frames of clients, read strictly: an unknown field is a fault of the client, told at once. */
import { type ClientCallMessage, fail, ok, type Result } from '@parley/protocol'
import { type TObject, type TSchema, Type } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import type { CallFault } from './model.ts'

const closed = { additionalProperties: false }
const guid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const name = Type.String({ minLength: 1, maxLength: 128 })
const media = Type.Union([Type.Literal('audio'), Type.Literal('video')])
const nullable = (schema: TSchema) => Type.Optional(Type.Union([schema, Type.Null()]))

const sdp = Type.Object(
  {
    type: Type.Union([Type.Literal('offer'), Type.Literal('answer'), Type.Literal('rollback')]),
    sdp: Type.String(),
  },
  closed,
)

const candidate = Type.Object(
  {
    candidate: Type.String({ maxLength: 2048 }),
    sdpMid: nullable(Type.String({ maxLength: 256 })),
    sdpMLineIndex: nullable(Type.Integer({ minimum: 0, maximum: 1024 })),
    usernameFragment: nullable(Type.String({ maxLength: 256 })),
  },
  closed,
)

const fields: Readonly<Record<ClientCallMessage['type'], Readonly<Record<string, TSchema>>>> = {
  auth: {
    token: Type.String({ maxLength: 8192 }),
    resume: Type.Optional(name),
    heard: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  'call.start': {
    to: Type.Array(name, { maxItems: 64 }),
    media,
    callerId: Type.Optional(name),
    isJoinable: Type.Optional(Type.Boolean()),
  },
  'call.accept': { callId: guid },
  'call.reject': { callId: guid },
  'call.cancel': { callId: guid },
  'call.join': { callId: guid },
  'room.join': { roomId: name, media: Type.Optional(media) },
  signal: {
    callId: guid,
    to: Type.Optional(guid),
    sdp: Type.Optional(sdp),
    candidate: Type.Optional(Type.Union([candidate, Type.Null()])),
  },
  'call.add': { callId: guid, rawId: name },
  'call.remove': { callId: guid, legId: guid },
  'call.leave': { callId: guid },
  mute: { callId: guid, isMuted: Type.Boolean() },
  dtmf: {
    callId: guid,
    digits: Type.String({ pattern: '^[0-9*#A-D]{1,32}$' }),
    to: Type.Optional(guid),
  },
  ping: {},
}

const id = Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.String({ maxLength: 64 })]))

const checks: ReadonlyMap<string, TypeCheck<TObject>> = new Map(
  Object.entries(fields).map(([type, own]) => {
    const schema = Type.Object({ id, type: Type.Literal(type), ...own }, closed)
    return [type, TypeCompiler.Compile(schema)]
  }),
)

/** A frame that was not understood, with its id where that was. */
export type FrameFault = CallFault & { readonly re: number | string | undefined }

/** Reads a frame. @faults `FrameMalformed` - the field at fault is in `detail`. */
export function parseClientFrame(text: string): Result<ClientCallMessage, FrameFault> {
  const parsed = parseObject(text)
  if (parsed === undefined) return malformed('JSON', undefined)
  const { id: asked, type } = parsed
  const re = typeof asked === 'number' || typeof asked === 'string' ? asked : undefined
  const check = typeof type === 'string' ? checks.get(type) : undefined
  if (check === undefined) return malformed('type', re)
  if (!check.Check(parsed)) return malformed(check.Errors(parsed).First()?.path.slice(1) ?? '', re)
  const frame = parsed as unknown as ClientCallMessage
  // Exactly one of the two; `candidate` may be null.
  if (type === 'signal' && 'sdp' in parsed === 'candidate' in parsed) return malformed('sdp', re)
  return ok(frame)
}

function malformed(detail: string, re: number | string | undefined): Result<never, FrameFault> {
  return fail({ code: 'FrameMalformed', detail, re })
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}
