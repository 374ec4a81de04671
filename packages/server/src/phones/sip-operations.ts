import { fail, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import { auditPhones, type PhonesRoom } from './room.ts'
import { type AskedSipChange, changeSip, type SipConfiguration } from './sip-configuration.ts'
import { findSip, lockPhones, upsertSip } from './sip-store.ts'

const versions = { service: 'sip', since: '2023-03-01' } as const
const port = Type.Integer({ description: 'SIP signaling port, 1..65535.' })

const trunksSchema = Type.Record(
  Type.String({ description: 'Host name of the trunk, at most 249 characters.' }),
  Type.Object({ sipSignalingPort: port }),
  { maxProperties: 250 },
)

const routeFields = {
  name: Type.String({ maxLength: 256 }),
  numberPattern: Type.String({
    maxLength: 1024,
    description: 'Regular expression for E.164 numbers: the part of .NET that fits digits.',
  }),
}
const routeTrunks = Type.Array(Type.String(), { maxItems: 250 })
const description = Type.String({ maxLength: 1024 })

const configurationSchema = Type.Object({
  trunks: Type.Optional(trunksSchema),
  routes: Type.Optional(
    Type.Array(
      Type.Object({
        description: Type.Optional(description),
        ...routeFields,
        trunks: Type.Optional(routeTrunks),
      }),
      { maxItems: 250 },
    ),
  ),
})

const changeSchema = Type.Object(
  {
    trunks: absentable(
      Type.Record(
        Type.String(),
        Type.Union([
          Type.Object({ sipSignalingPort: absentable(port) }, { additionalProperties: false }),
          Type.Null(),
        ]),
        { maxProperties: 250 },
      ),
    ),
    routes: absentable(
      Type.Array(
        Type.Object(
          { description: absentable(description), ...routeFields, trunks: absentable(routeTrunks) },
          { additionalProperties: false },
        ),
        { maxItems: 250 },
      ),
    ),
  },
  { additionalProperties: false },
)

/**
 * The operations on trunks and routes.
 *
 * @source ACS SIP routing 2023-03-01.
 */
export function sipOperations(room: PhonesRoom): readonly Operation[] {
  const [path, id] = ['/sip', 'SipRouting_Update']
  const reply = { status: 200, schema: configurationSchema } as const
  return [
    resourceOperation({
      id: 'SipRouting_Get',
      summary: 'Gets the trunks and routes of the resource.',
      method: 'GET',
      path,
      versions,
      reply,
      handle: async ({ caller: { resourceId } }) =>
        ok(printSip(await findSip(room.db, resourceId))),
    }),
    resourceOperation({
      id,
      summary: 'Changes trunks, and sets routes; null takes away.',
      method: 'PATCH',
      path,
      versions,
      body: {
        schema: changeSchema,
        isRequired: false,
        isMergePatchOnly: true,
        bytesMax: bodyBytesMax,
      },
      reply,
      handle: (call) => answerUpdate(room, call, id),
    }),
  ]
}

/** 250 routes, each with a pattern, a description and some trunks. */
const bodyBytesMax = 1024 * 1024

function printSip({ trunks, routes }: SipConfiguration): Static<typeof configurationSchema> {
  return { trunks, routes: routes.map((route) => ({ ...route, trunks: [...route.trunks] })) }
}

async function answerUpdate(
  room: PhonesRoom,
  call: ResourceCall<Static<typeof changeSchema>>,
  operation: string,
): Promise<Result<unknown, Fault>> {
  const { resourceId } = call.caller
  return room.db.begin(async (db): Promise<Result<unknown, Fault>> => {
    if (!(await lockPhones(db, resourceId))) return resourceDeleted
    const changed = changeSip(await findSip(db, resourceId), call.body as AskedSipChange)
    if (!changed.ok) return fail({ kind: 'sip-unprocessable', ...changed.fault })
    await upsertSip(db, resourceId, changed.value)
    await auditPhones(db, room, { call, operation, place: 'sip' })
    return ok(printSip(changed.value))
  })
}

/** What is answered where the resource has gone meanwhile. */
export const resourceDeleted: Result<never, Fault> = fail({
  kind: 'caller-refused',
  reason: 'resource-deleted',
})
