import {
  fail,
  limits,
  ok,
  parseIdentityName,
  printIdentityName,
  type Result,
} from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import {
  absentable,
  instantSchema,
  lifetimeRules,
  printInstant,
  scopeRules,
} from '../contract/fields.ts'
import {
  type JudgedRules,
  type Operation,
  type ResourceCall,
  resourceOperation,
} from '../contract/operation.ts'
import { type IdentityVersion, isInRange } from '../contract/versions.ts'
import type { CreateIdentity } from './create.ts'
import { cutOffForEver, findIdentity, type NamedIdentity } from './store.ts'
import { createVoiding, type VoidingRoom } from './voiding.ts'

/** What the operations on identities need. */
export interface IdentityRoom extends VoidingRoom {
  readonly createIdentity: CreateIdentity
  /**
   * Decides whether the token asked for can be issued, before anything is stored; `undefined`
   * when none was asked for. It is handed in, because tokens know identities and not the reverse.
   */
  readonly checkTerms: (call: CreateCall) => Result<TokenTicket | undefined, Fault>
}

/** Issues the token whose terms were found good. */
export type TokenTicket = (identityId: string) => Promise<Result<WireToken, Fault>>

/** An issued token on the wire. */
export interface WireToken {
  readonly token: string
  readonly expiresOn: string
}

/** A call that creates an identity. */
export type CreateCall = ResourceCall<Static<typeof createSchema>>

const customIdMeaning = 'The same value gives the same identity. Only a keyed hash of it is stored.'

const createSchema = Type.Object(
  {
    customId: absentable(Type.String({ description: customIdMeaning })),
    createTokenWithScopes: absentable(
      Type.Array(Type.String(), { maxItems: 32, description: 'Absent or empty: no token.' }),
    ),
    expiresInMinutes: absentable(Type.Integer()),
  },
  { additionalProperties: false },
)

function createRules(version: IdentityVersion): Readonly<Record<string, JudgedRules>> {
  return {
    customId: { minLength: limits.customIdCharactersMin, maxLength: limits.customIdCharactersMax },
    createTokenWithScopes: scopeRules(version),
    expiresInMinutes: lifetimeRules,
  }
}

/** @source ACS Identity 2025-03-02-preview, `CommunicationIdentity`. */
const identitySchema = Type.Object({
  id: Type.String({ description: '8:acs:<resource>_<id>' }),
  customId: Type.Optional(Type.String({ description: 'As it was given, in the reply to that.' })),
  lastTokenIssuedAt: Type.Optional(instantSchema),
})

const createdSchema = Type.Object({
  identity: identitySchema,
  accessToken: Type.Optional(Type.Object({ token: Type.String(), expiresOn: instantSchema })),
})

const nothing = Type.Object({}, { additionalProperties: false })
const named = { since: '2025-03-02-preview' } as const
const colonActions = { since: '2021-02-22-preview1' } as const
const firstPreview = { since: '2020-07-20-preview2', until: '2020-07-20-preview2' } as const

/** The operations on identities themselves. */
export function identityOperations(room: IdentityRoom): readonly Operation[] {
  return [
    resourceOperation({
      id: 'CommunicationIdentity_Create',
      summary: 'Creates an identity and, if scopes are given, an access token for it.',
      method: 'POST',
      path: '/identities',
      versions: colonActions,
      rate: ({ body }) => (asksForToken(body) ? 'identity-create-with-token' : 'identity-create'),
      body: {
        schema: createSchema,
        isRequired: false,
        fieldVersions: { customId: named, expiresInMinutes: { since: '2022-10-01' } },
        judged: createRules,
      },
      reply: {
        status: 201,
        schema: createdSchema,
        fieldVersions: { 'identity.customId': named, 'identity.lastTokenIssuedAt': named },
        isSecret: true,
      },
      handle: (call) => createWithToken(room, call),
    }),
    resourceOperation({
      id: 'CommunicationIdentity_CreateOnly',
      summary: 'Creates an identity (first preview).',
      method: 'POST',
      path: '/identities',
      versions: firstPreview,
      rate: 'identity-create',
      body: { schema: nothing, isRequired: false },
      reply: { status: 200, schema: Type.Object({ id: Type.String() }) },
      handle: async ({ caller: { resourceId } }) => {
        const created = await room.createIdentity(resourceId, undefined)
        if (!created.ok) return created
        const { identityId } = created.value
        return ok({ id: printIdentityName({ resourceId, identityId }) })
      },
    }),
    resourceOperation({
      id: 'CommunicationIdentity_Get',
      summary: 'Gets an identity and when it was last issued a token.',
      method: 'GET',
      path: '/identities/{id}',
      versions: named,
      reply: { status: 200, schema: identitySchema },
      handle: async ({ caller: { resourceId }, params }) => {
        const name = parseIdentityName(params['id'] ?? '')
        if (name?.resourceId !== resourceId) return fail({ kind: 'identity-not-owned' })
        const found = await findIdentity(room.db, resourceId, name.identityId)
        if (found === undefined) return fail({ kind: 'identity-not-owned' })
        return ok(wireIdentity(found, { resourceId }))
      },
    }),
    deleteOperation(room),
  ]
}

function asksForToken(body: unknown): boolean {
  const { createTokenWithScopes: scopes } = body as Static<typeof createSchema>
  return scopes !== undefined && scopes !== null && scopes.length > 0
}

function deleteOperation(room: IdentityRoom): Operation {
  const deleteIdentity = createVoiding(room, { cutOff: cutOffForEver, isOnce: true })
  const id = 'CommunicationIdentity_Delete'
  return resourceOperation({
    id,
    summary: 'Deletes an identity, voids its access tokens and purges its data.',
    method: 'DELETE',
    path: '/identities/{id}',
    versions: { since: '2020-07-20-preview2' },
    rate: 'identity-delete',
    body: { schema: nothing, isRequired: false },
    reply: { status: 204 },
    handle: (call) => deleteIdentity(call, id),
  })
}

/** Terms are judged first: a request with a bad scope or lifetime creates nothing. */
async function createWithToken(
  room: IdentityRoom,
  call: CreateCall,
): Promise<Result<unknown, Fault>> {
  const ticket = room.checkTerms(call)
  if (!ticket.ok) return ticket
  const { resourceId } = call.caller
  const customId = call.body.customId ?? undefined
  const created = await room.createIdentity(resourceId, customId)
  if (!created.ok) return created
  const isNamed = isInRange(call.version, named)
  const identity = isNamed
    ? wireIdentity(created.value, { resourceId, customId })
    : { id: printIdentityName({ resourceId, identityId: created.value.identityId }) }
  if (ticket.value === undefined) return ok({ identity })
  const issued = await ticket.value(created.value.identityId)
  if (!issued.ok) return issued
  const issuedAt = isNamed ? { lastTokenIssuedAt: printInstant(wholeSeconds(call.nowMs)) } : {}
  return ok({ identity: { ...identity, ...issuedAt }, accessToken: issued.value })
}

function wireIdentity(
  identity: NamedIdentity,
  known: { readonly resourceId: string; readonly customId?: string | undefined },
): Static<typeof identitySchema> {
  const { identityId, lastTokenIssuedAtMs: atMs } = identity
  return {
    id: printIdentityName({ resourceId: known.resourceId, identityId }),
    ...(known.customId === undefined ? {} : { customId: known.customId }),
    ...(atMs === undefined ? {} : { lastTokenIssuedAt: printInstant(atMs) }),
  }
}

/** Tokens are issued in whole seconds; the ledger says the same to whoever asks later. */
function wholeSeconds(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000
}
