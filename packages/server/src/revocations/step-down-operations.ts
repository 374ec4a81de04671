import { fail, ok, scopes } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, resourceOperation } from '../contract/operation.ts'
import type { VoidingRoom } from '../identities/voiding.ts'
import { stepDownAimOf } from './step-down-model.ts'
import { stepDown } from './step-downs.ts'

const targetSchema = Type.Object(
  {
    identity: absentable(Type.String({ description: '8:acs:<resource>_<id>' })),
    scopes: absentable(
      Type.Array(Type.String(), {
        description: `What may stay, at least one of ${scopes.join(', ')}; each by itself.`,
      }),
    ),
  },
  { additionalProperties: false },
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
        Type.Literal('narrowed'),
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

const stepDownId = 'Parley_StepDown'

/** The operation that narrows the tokens of identities to fewer scopes, many at once. */
export function stepDownOperations(room: VoidingRoom): readonly Operation[] {
  return [
    resourceOperation({
      id: stepDownId,
      summary:
        'Leaves the tokens issued to identities so far no more than some scopes; 1,000 targets.',
      method: 'POST',
      path: '/parley/stepDowns',
      versions: 'unversioned',
      body: {
        schema: requestSchema,
        isRequired: true,
        bytesMax: serverLimits.stepDownBodyBytesMax,
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
        const aims = body.targets.map((target) => stepDownAimOf(target, resourceId))
        const call = { caller, resource, requestId, aims, operation: stepDownId }
        const { outcomes, seq, confirmedAtMs } = await stepDown(room, call)
        const value = outcomes.map(({ status, seq: own }, target) =>
          own === undefined ? { target, status } : { target, status, seq: own },
        )
        return ok({ value, seq, confirmedOn: printInstant(confirmedAtMs) })
      },
    }),
  ]
}
