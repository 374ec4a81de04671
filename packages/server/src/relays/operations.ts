import {
  type AccessKeyGeneration,
  fail,
  ok,
  parseIdentityName,
  type Result,
  type Scope,
  scopes,
} from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import { type EitherCall, resourceOrUserOperation } from '../contract/user-operation.ts'
import type { Database } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import type { TurnPlace } from '../foundation/turn-place.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import { credentialOf, iceServerOf, relaySecondsFor, relaySecondsMax, routeTypes } from './model.ts'
import {
  type AskedUser,
  findHidesAddresses,
  insertAskedUser,
  type StoredUser,
  saveHidesAddresses,
} from './store.ts'

/** What the operations of relays need. */
export interface RelaysRoom {
  readonly db: Database
  readonly platform: Pick<Platform, 'randomBytes'>
  readonly turn: TurnPlace | undefined
  readonly relayKey: Buffer
  readonly findResource: (resourceId: string) => Resource | undefined
}

const askedSchema = Type.Object(
  {
    id: absentable(Type.String()),
    routeType: absentable(
      Type.String({ enum: [...routeTypes], pattern: `^(?:${routeTypes.join('|')})$` }),
    ),
    ttl: absentable(Type.Integer({ minimum: 0 })),
  },
  { additionalProperties: false },
)

const routeTypeSchema = Type.String({ enum: [...routeTypes] })

const configurationSchema = Type.Object({
  expiresOn: instantSchema,
  iceServers: Type.Array(
    Type.Object({
      urls: Type.Array(Type.String()),
      username: Type.String(),
      credential: Type.String(),
      routeType: routeTypeSchema,
    }),
  ),
})

/** Scopes of tokens whose holders take part in calls. */
const callScopes: readonly Scope[] = ['voip', 'voip.join']

/**
 * The operations on relays.
 *
 * @source ACS Network Traversal 2022-03-01-preview.
 */
export function relayOperations(room: RelaysRoom): readonly Operation[] {
  return [
    resourceOrUserOperation({
      id: 'CommunicationNetworkTraversal_IssueRelayConfiguration',
      summary: 'Issues a user of the relays; to the holder of an access token, one of its own.',
      method: 'POST',
      path: '/networkTraversal/:issueRelayConfiguration',
      scopes: callScopes,
      versions: { service: 'relays', since: '2022-03-01-preview' },
      body: {
        schema: askedSchema,
        isRequired: false,
        judged: () => ({ ttl: { maximum: relaySecondsMax, default: relaySecondsMax } }),
      },
      reply: { status: 200, schema: configurationSchema, isSecret: true },
      handle: (call) => issue(room, call),
    }),
    ...policyOperations(room),
  ]
}

const policySchema = Type.Object(
  {
    hideAddresses: Type.Boolean({
      description: 'Whether clients of calls send over relays only, where there is one.',
    }),
  },
  { additionalProperties: false },
)

function policyOperations(room: RelaysRoom): readonly Operation[] {
  const id = 'Parley_SetCalling'
  const path = '/parley/calling'
  const reply = { status: 200, schema: policySchema } as const
  return [
    resourceOperation({
      id: 'Parley_GetCalling',
      summary: 'Gets whether those who call each other see the addresses of each other.',
      method: 'GET',
      path,
      versions: 'unversioned',
      reply,
      handle: async ({ caller: { resourceId } }) =>
        ok({ hideAddresses: await findHidesAddresses(room.db, resourceId) }),
    }),
    resourceOperation({
      id,
      summary: 'Sets whether they do; it counts for whoever joins a call from then on.',
      method: 'PUT',
      path,
      versions: 'unversioned',
      body: { schema: policySchema, isRequired: true },
      reply,
      handle: (call) => setPolicy(room, call, id),
    }),
  ]
}

type Asked = Static<typeof askedSchema>

async function issue(
  room: RelaysRoom,
  call: EitherCall<Asked>,
): Promise<Result<Static<typeof configurationSchema>, Fault>> {
  const { turn } = room
  const { body, nowMs: createdAtMs } = call
  const { routeType } = body
  const asker = askerOf(call)
  if (!asker.ok) return asker
  if (turn === undefined) return fail({ kind: 'relay-not-configured' })
  const { realm } = turn
  const userName = room.platform.randomBytes(18).toString('base64url')
  const credential = credentialOf(room.relayKey, { userName, realm })
  const { untilMs, ...holder } = asker.value
  const wantedMs = createdAtMs + relaySecondsFor(body.ttl ?? undefined) * 1000
  const expiresAtMs = Math.min(wantedMs, untilMs)
  const { hmacKey } = credential
  const user = { ...holder, userName, realm, hmacKey, createdAtMs, expiresAtMs }
  const stored = await insertAskedUser(room.db, user)
  if (stored !== 'stored') return fail(faultOf(stored))
  const shown = routeType === undefined || routeType === null ? routeTypes : [routeType]
  const { username, urls, credential: password } = iceServerOf(turn, credential)
  return ok({
    expiresOn: printInstant(expiresAtMs),
    iceServers: shown.map((one) => {
      return { urls: [...urls], username, credential: password, routeType: one }
    }),
  })
}

type Asker = Pick<
  AskedUser,
  'resourceId' | 'identityId' | 'identityGeneration' | 'accessKey' | 'tokenId' | 'scopePlaces'
> & {
  /** When what it came with ends. */
  readonly untilMs: number
}

function askerOf({ caller, body }: EitherCall<Asked>): Result<Asker, Fault> {
  const { resourceId } = caller
  const asked = body.id ?? undefined
  if ('identityId' in caller) {
    // A token speaks for its holder alone.
    const isOwn = asked === undefined || asked === caller.rawId
    if (!isOwn) return fail({ kind: 'user-not-allowed', reason: 'ownership' })
    const { identityId, expiresAtMs: untilMs, subjects } = caller
    const opening = callScopes.filter((scope) => caller.scopes.includes(scope))
    const find = (kind: string) => subjects.find((one) => one.kind === kind)
    const own = find('identity')
    if (own === undefined) return fail({ kind: 'caller-refused', reason: 'access-token-invalid' })
    const key = find('access-key')
    const slot = key?.subject as AccessKeyGeneration['slot'] | undefined
    return ok({
      ...{ resourceId, identityId, untilMs, tokenId: find('token')?.subject },
      identityGeneration: own.carried,
      scopePlaces: opening.map((scope) => scopes.indexOf(scope)),
      accessKey: key && slot && { slot, generation: key.carried },
    })
  }
  const name = asked === undefined ? undefined : parseIdentityName(asked)
  if (asked !== undefined && name?.resourceId !== resourceId) {
    return fail({ kind: 'identity-not-owned' })
  }
  const { accessKey } = caller
  return ok({
    ...{ resourceId, identityId: name?.identityId, identityGeneration: undefined },
    ...{ accessKey, tokenId: undefined, scopePlaces: undefined, untilMs: Number.POSITIVE_INFINITY },
  })
}

function faultOf(stored: Exclude<StoredUser, 'stored'>): Fault {
  switch (stored) {
    case 'resource-deleted':
      return { kind: 'caller-refused', reason: 'resource-deleted' }
    case 'identity-absent':
      return { kind: 'identity-not-owned' }
    case 'too-many':
      return { kind: 'rate-exceeded', retryAfterSeconds: 60 }
  }
}

async function setPolicy(
  { db, findResource }: RelaysRoom,
  call: ResourceCall<Static<typeof policySchema>>,
  operation: string,
): Promise<Result<Static<typeof policySchema>, Fault>> {
  const { caller, body, requestId, nowMs: atMs } = call
  const { resourceId, actor } = caller
  const resource = findResource(resourceId)
  if (resource === undefined) return fail({ kind: 'caller-refused', reason: 'resource-deleted' })
  const target = `${printResourcePath(resource)}/calling`
  await db.begin(async (transaction) => {
    await saveHidesAddresses(transaction, resourceId, body.hideAddresses)
    await appendAudit(transaction, [{ actor, operation, target, resourceId, requestId, atMs }])
  })
  return ok(body)
}
