import { fail, isGuid, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import { appendChanges } from '../events/store.ts'
import type { Platform } from '../foundation/platform.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import { hashCredential, printCredential } from './credential-model.ts'
import {
  deleteCredential,
  holdCredentials,
  insertCredential,
  listCredentials,
  type StoredCredential,
  updateCredentialSecret,
} from './credential-store.ts'

/** What the operations on verifiers' credentials need. */
export interface CredentialRoom {
  readonly db: Database
  readonly feed: Pick<Feed, 'publish'>
  readonly platform: Pick<Platform, 'randomBytes' | 'newGuid'>
  readonly findResource: (resourceId: string) => Resource | undefined
  /** What secrets are hashed under. */
  readonly credentialKey: Buffer
}

const requestSchema = Type.Object(
  {
    name: absentable(Type.String({ maxLength: serverLimits.verifierCredentialNameCharactersMax })),
    expiresInMinutes: absentable(
      Type.Integer({
        minimum: 1,
        maximum: serverLimits.verifierCredentialMinutesMax,
        description: 'Absent: it does not end by itself. One for browsers must.',
      }),
    ),
    mayBeWaitedFor: absentable(
      Type.Boolean({
        description: 'Whether a verifier may ask by it to be waited for; default false.',
      }),
    ),
  },
  { additionalProperties: false },
)

const facts = {
  id: Type.String(),
  name: Type.String(),
  mayBeWaitedFor: Type.Boolean(),
  createdOn: instantSchema,
  rotatedOn: Type.Optional(instantSchema),
  expiresOn: Type.Optional(instantSchema),
}
const listSchema = Type.Object({ value: Type.Array(Type.Object(facts)) })
const madeSchema = Type.Object({
  ...facts,
  secret: Type.String({ description: 'Shown this once. Sent as `Authorization: Bearer`.' }),
})

const listPath = '/parley/verifierCredentials'
const itemPath = '/parley/verifierCredentials/{credentialId}'

/** The operations by which the owner of a resource keeps the credentials of its verifiers. */
export function credentialOperations(room: CredentialRoom): readonly Operation[] {
  const versions = 'unversioned'
  return [
    resourceOperation({
      id: 'Parley_CreateVerifierCredential',
      summary: 'Makes a secret that reads the cut-offs of the resource, and nothing else.',
      method: 'POST',
      path: listPath,
      versions,
      body: { schema: requestSchema, isRequired: false },
      reply: { status: 201, schema: madeSchema, isSecret: true },
      handle: (call) => create(room, call),
    }),
    resourceOperation({
      id: 'Parley_ListVerifierCredentials',
      summary: 'Lists the credentials of verifiers, without their secrets.',
      method: 'GET',
      path: listPath,
      versions,
      reply: { status: 200, schema: listSchema },
      handle: async ({ caller }) => {
        const stored = await listCredentials(room.db, caller.resourceId)
        return ok({ value: stored.map(printFacts) })
      },
    }),
    resourceOperation({
      id: 'Parley_RotateVerifierCredential',
      summary: 'Replaces the secret; the former one is refused everywhere when this is answered.',
      method: 'POST',
      path: `${itemPath}/:rotate`,
      versions,
      reply: { status: 200, schema: madeSchema, isSecret: true },
      handle: (call) => rotate(room, call),
    }),
    resourceOperation({
      id: 'Parley_DeleteVerifierCredential',
      summary: 'Deletes a credential; its streams are closed everywhere when this is answered.',
      method: 'DELETE',
      path: itemPath,
      versions,
      reply: { status: 204 },
      handle: (call) => remove(room, call),
    }),
  ]
}

interface CreateBody {
  readonly name?: string | null
  readonly expiresInMinutes?: number | null
  readonly mayBeWaitedFor?: boolean | null
}

function create(
  room: CredentialRoom,
  call: ResourceCall<CreateBody>,
): Promise<Result<unknown, Fault>> {
  const { caller, body, nowMs } = call
  const { resourceId } = caller
  const credentialId = room.platform.newGuid()
  const secret = printCredential({ resourceId, credentialId }, room.platform.randomBytes(32))
  const { expiresInMinutes } = body
  const made = {
    credentialId,
    name: body.name ?? '',
    secretHash: hashCredential(room.credentialKey, secret),
    mayBeWaitedFor: body.mayBeWaitedFor ?? false,
    createdAtMs: nowMs,
    expiresAtMs: expiresInMinutes == null ? undefined : nowMs + expiresInMinutes * 60_000,
  }
  return change(room, call, {
    operation: 'Parley_CreateVerifierCredential',
    credentialId,
    voids: false,
    act: async (transaction, count) => {
      if (count >= serverLimits.verifierCredentialsMax) return tooMany
      await insertCredential(transaction, resourceId, made)
      return ok({ ...printFacts({ ...made, rotatedAtMs: undefined }), secret })
    },
  })
}

function rotate(
  room: CredentialRoom,
  call: ResourceCall<unknown>,
): Promise<Result<unknown, Fault>> {
  const { resourceId } = call.caller
  const credentialId = credentialIdOf(call)
  if (credentialId === undefined) return Promise.resolve(unknown)
  const secret = printCredential({ resourceId, credentialId }, room.platform.randomBytes(32))
  const secretHash = hashCredential(room.credentialKey, secret)
  return change(room, call, {
    operation: 'Parley_RotateVerifierCredential',
    credentialId,
    voids: true,
    act: async (transaction) => {
      const changed = { credentialId, secretHash, atMs: call.nowMs }
      const stored = await updateCredentialSecret(transaction, resourceId, changed)
      return stored === undefined ? unknown : ok({ ...printFacts(stored), secret })
    },
  })
}

/** Deleting what is not there is no fault: it is not there afterwards either. */
async function remove(
  room: CredentialRoom,
  call: ResourceCall<unknown>,
): Promise<Result<unknown, Fault>> {
  const credentialId = credentialIdOf(call)
  if (credentialId === undefined) return ok(undefined)
  const removed = await change(room, call, {
    operation: 'Parley_DeleteVerifierCredential',
    credentialId,
    voids: true,
    act: async (transaction) => {
      const isThere = await deleteCredential(transaction, call.caller.resourceId, credentialId)
      return isThere ? ok(undefined) : unknown
    },
  })
  return removed.ok || removed.fault.kind === 'entry-unknown' ? ok(undefined) : removed
}

interface Change {
  readonly operation: string
  readonly credentialId: string
  /** Whether whoever came by it is to be refused before the answer. */
  readonly voids: boolean
  readonly act: (transaction: Transaction, count: number) => Promise<Result<unknown, Fault>>
}

/** A change, its line in the log and its line in the audit log, in one transaction. */
async function change(
  room: CredentialRoom,
  call: ResourceCall<unknown>,
  { operation, credentialId, voids, act }: Change,
): Promise<Result<unknown, Fault>> {
  const { caller, nowMs: atMs, requestId } = call
  const { resourceId, actor } = caller
  const resource = room.findResource(resourceId)
  if (resource === undefined) return resourceDeleted
  const done = await room.db.begin(async (transaction) => {
    const count = await holdCredentials(transaction, resourceId, atMs)
    if (count === undefined) return { outcome: resourceDeleted, events: [] }
    const outcome = await act(transaction, count)
    if (!outcome.ok) return { outcome, events: [] }
    const changed = { kind: 'resource-changed', resourceIds: [resourceId], atMs } as const
    const events = voids ? await appendChanges(transaction, { ...changed, part: credentialId }) : []
    const target = `${printResourcePath(resource)}/verifierCredentials/${credentialId}`
    await appendAudit(transaction, [{ actor, operation, target, resourceId, requestId, atMs }])
    return { outcome, events }
  })
  await room.feed.publish(done.events)
  return done.outcome
}

function credentialIdOf({ params }: ResourceCall<unknown>): string | undefined {
  const id = (params['credentialId'] ?? '').toLowerCase()
  return isGuid(id) ? id : undefined
}

function printFacts(stored: Omit<StoredCredential, 'secretHash'>): object {
  const { rotatedAtMs, expiresAtMs } = stored
  return {
    id: stored.credentialId,
    name: stored.name,
    mayBeWaitedFor: stored.mayBeWaitedFor,
    createdOn: printInstant(stored.createdAtMs),
    ...(rotatedAtMs === undefined ? {} : { rotatedOn: printInstant(rotatedAtMs) }),
    ...(expiresAtMs === undefined ? {} : { expiresOn: printInstant(expiresAtMs) }),
  }
}

const unknown = fail<Fault>({ kind: 'entry-unknown', what: 'verifier credential' })
const resourceDeleted = fail<Fault>({ kind: 'caller-refused', reason: 'resource-deleted' })
const tooMany = fail<Fault>({
  kind: 'body-invalid',
  details: [
    {
      field: '',
      problem: `A resource has at most ${serverLimits.verifierCredentialsMax} of them.`,
    },
  ],
})
