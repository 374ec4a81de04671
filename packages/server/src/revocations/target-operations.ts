import { fail, ok } from '@parley/protocol'
import type { SyncVerifier } from '@parley/verifier/node'
import { Type } from '@sinclair/typebox'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, resourceOperation } from '../contract/operation.ts'
import type { VoidingRoom } from '../identities/voiding.ts'
import { aimOf } from './model.ts'
import { voidAims } from './targets.ts'
import { readTokenText } from './token-text.ts'

const targetSchema = Type.Object(
  {
    identity: absentable(Type.String({ description: '8:acs:<resource>_<id>' })),
    issuedBefore: absentable(
      Type.String({
        description: 'With `identity`: only what was issued before this instant, RFC 3339.',
      }),
    ),
    jti: absentable(Type.String({ description: 'One token, by its id.' })),
    token: absentable(Type.String({ description: 'One token, by its text.' })),
  },
  { additionalProperties: false, description: 'One of `identity`, `jti` and `token`.' },
)

const requestSchema = Type.Object(
  {
    targets: Type.Array(targetSchema, {
      minItems: 1,
      maxItems: serverLimits.revocationTargetsMax,
    }),
  },
  { additionalProperties: false },
)

const outcomesSchema = Type.Object({
  value: Type.Array(
    Type.Object({
      target: Type.Integer({ description: 'Index of the target in the request.' }),
      status: Type.Union([
        Type.Literal('revoked'),
        Type.Literal('unknown'),
        Type.Literal('invalid'),
      ]),
      seq: Type.Optional(
        Type.Integer({ description: 'Its last number in the log; absent: nothing was written.' }),
      ),
    }),
  ),
  seq: Type.Integer({ description: 'The last number of all; 0: nothing was written.' }),
  confirmedOn: instantSchema,
})

const revokeId = 'Parley_Revoke'

/** The operation that voids identities' tokens and single tokens, many at once. */
export function targetOperations(
  room: VoidingRoom & { readonly verifier: SyncVerifier },
): readonly Operation[] {
  return [
    resourceOperation({
      id: revokeId,
      summary:
        'Voids tokens by identity, by instant of issue, by id or by text, up to 1,000 targets.',
      method: 'POST',
      path: '/parley/revocations',
      versions: 'unversioned',
      body: {
        schema: requestSchema,
        isRequired: true,
        bytesMax: serverLimits.introspectionBodyBytesMax,
      },
      reply: {
        status: 200,
        schema: outcomesSchema,
        headers: { 'cache-control': 'no-store' },
      },
      handle: async ({ caller, body, requestId }) => {
        const { resourceId } = caller
        const resource = room.findResource(resourceId)
        // It was there when the caller was let in: it has been deleted since.
        if (resource === undefined)
          return fail({ kind: 'caller-refused', reason: 'resource-deleted' })
        const readToken = (text: string) => readTokenText(room.verifier, text)
        const aims = body.targets.map((target) => aimOf(target, resourceId, readToken))
        const call = { caller, resource, requestId, aims, operation: revokeId }
        const { outcomes, seq, confirmedAtMs } = await voidAims(room, call)
        const value = outcomes.map(({ status, seq: own }, target) =>
          own === undefined ? { target, status } : { target, status, seq: own },
        )
        return ok({ value, seq, confirmedOn: printInstant(confirmedAtMs) })
      },
    }),
  ]
}
