import { ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { controlOperation, type Operation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { jwkSchema } from './published-keys.ts'
import type { SigningKeyRing } from './signing-key-ring.ts'
import { type SigningKeyRotation, signingKeysPath } from './signing-key-rotation.ts'
import { stateOf } from './signing-key-schedule.ts'
import { listRetiredSigningKeys, listSigningKeys, type SigningKeyRow } from './signing-key-store.ts'

/** What the operations on signing keys need. */
export interface SigningKeyRoom {
  readonly db: Database
  readonly ring: SigningKeyRing
  readonly rotation: SigningKeyRotation
}

const signingKeySchema = Type.Object({
  kid: Type.String(),
  algorithm: Type.String(),
  state: Type.String({ description: 'announced, signing, former or retired.' }),
  createdAt: instantSchema,
  signsFrom: instantSchema,
  replacedAt: Type.Optional(instantSchema),
  retiredAt: Type.Optional(instantSchema),
  publicKey: jwkSchema,
})

const signingKeysSchema = Type.Object({ value: Type.Array(signingKeySchema) })

const rotateSchema = Type.Object(
  {
    emergency: Type.Optional(
      Type.Boolean({
        description:
          'A new key signs at once; every token issued so far is void before the answer.',
      }),
    ),
  },
  { additionalProperties: false },
)

const rotateId = 'Parley_RotateSigningKeys'

/** The operations on signing keys. Private halves never leave the server. */
export function signingKeyOperations(room: SigningKeyRoom): readonly Operation[] {
  const { rotation } = room
  return [
    controlOperation('reader', {
      id: 'Parley_ListSigningKeys',
      summary: 'Lists the signing keys: those that are published, then those retired last.',
      method: 'GET',
      path: signingKeysPath,
      versions: 'unversioned',
      reply: { status: 200, schema: signingKeysSchema },
      handle: () => answerKeys(room),
    }),
    controlOperation('administrator', {
      id: rotateId,
      summary: 'Announces a new signing key, or replaces all of them at once.',
      method: 'POST',
      path: `${signingKeysPath}/:rotate`,
      versions: 'unversioned',
      body: { schema: rotateSchema, isRequired: false },
      reply: { status: 200, schema: signingKeysSchema },
      handle: async ({ caller, body, requestId }) => {
        const { actor } = caller
        const { emergency: isEmergency = false } = body
        await rotation.rotate({ actor, operation: rotateId, requestId, isEmergency })
        return answerKeys(room)
      },
    }),
  ]
}

async function answerKeys(
  room: SigningKeyRoom,
): Promise<Result<Static<typeof signingKeysSchema>, Fault>> {
  const { db, ring } = room
  const published = await listSigningKeys(db)
  const retired = await listRetiredSigningKeys(db, serverLimits.retiredKeysListedMax)
  const signerKid = ring.signerKid()
  return ok({ value: [...published, ...retired].map((key) => printKey(key, signerKid)) })
}

function printKey(key: SigningKeyRow, signerKid: string): Static<typeof signingKeySchema> {
  const { kid, algorithm, publicJwk, createdAtMs, signsFromMs, replacedAtMs, retiredAtMs } = key
  return {
    kid,
    algorithm,
    state: stateOf(key, signerKid),
    createdAt: printInstant(createdAtMs),
    signsFrom: printInstant(signsFromMs),
    ...(replacedAtMs === undefined ? {} : { replacedAt: printInstant(replacedAtMs) }),
    ...(retiredAtMs === undefined ? {} : { retiredAt: printInstant(retiredAtMs) }),
    publicKey: publicJwk,
  }
}
