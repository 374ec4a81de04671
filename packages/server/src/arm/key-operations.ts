import { type AccessKeySlot, fail, ok, printConnectionString } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import { controlOperation, type Operation } from '../contract/operation.ts'
import { openAccessKey } from '../keys/model.ts'
import { regenerateAccessKey } from '../keys/regenerate.ts'
import { findAccessKeys } from '../keys/store.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import { type ControlPlane, changeableResourceAt, type Doer, resourceAt } from './control-plane.ts'
import { everyVersion, paths, placeIn } from './paths.ts'
import { doerOf } from './resource-operations.ts'

const keysSchema = Type.Object({
  primaryKey: Type.Optional(Type.String()),
  secondaryKey: Type.Optional(Type.String()),
  primaryConnectionString: Type.Optional(Type.String()),
  secondaryConnectionString: Type.Optional(Type.String()),
})

/** The longest overlap, in minutes: what was issued under the former key may live that long. */
const overlapMinutesMax = 1440

const regenerateSchema = Type.Object({
  keyType: Type.Optional(Type.String({ enum: ['Primary', 'Secondary'] })),
  overlapMinutes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: overlapMinutesMax,
      description:
        'How long the former key and its tokens go on; absent: not at all. An extension of Parley.',
    }),
  ),
})

/** Access keys in the clear, as they are handed out. */
export type KeyTexts = Partial<Record<AccessKeySlot, string>>

/** The operations on the access keys of a resource. */
export function accessKeyOperations(plane: ControlPlane): readonly Operation[] {
  return [listKeysOperation(plane), regenerateKeyOperation(plane)]
}

function listKeysOperation(plane: ControlPlane): Operation {
  const id = 'CommunicationServices_ListKeys'
  return controlOperation('administrator', {
    id,
    summary: 'Gets the access keys of a resource and the connection strings made of them.',
    method: 'POST',
    path: `${paths.resource}/listKeys`,
    versions: everyVersion,
    reply: { status: 200, schema: keysSchema, isSecret: true },
    handle: async (call) => {
      const place = placeIn(call.params)
      const found = await resourceAt(plane.db, place)
      if (!found.ok) return found
      const texts = await readKeys(plane, found.value, doerOf(call, id))
      if (texts === undefined) return fail({ kind: 'resource-unknown', ...place })
      return ok(printKeys(texts, plane.endpointFor(found.value.name)))
    },
  })
}

function regenerateKeyOperation(plane: ControlPlane): Operation {
  const id = 'CommunicationServices_RegenerateKey'
  return controlOperation('administrator', {
    id,
    summary: 'Replaces one access key and voids the tokens issued under the former one.',
    method: 'POST',
    path: `${paths.resource}/regenerateKey`,
    versions: everyVersion,
    body: { schema: regenerateSchema, isRequired: true },
    reply: { status: 200, schema: keysSchema, isSecret: true },
    handle: async (call) => {
      const place = placeIn(call.params)
      const { keyType, overlapMinutes } = call.body
      const slot = slotNamed(keyType ?? '')
      if (slot === undefined) {
        const problem = "Expected 'Primary' or 'Secondary'."
        return fail({ kind: 'body-invalid', details: [{ field: 'keyType', problem }] })
      }
      const found = await changeableResourceAt(plane.db, place)
      if (!found.ok) return found
      const resource = found.value
      const by = doerOf(call, id)
      const secret = await regenerateAccessKey(plane, { resource, slot, overlapMinutes, by })
      if (secret === undefined) return fail({ kind: 'resource-unknown', ...place })
      const texts = { [slot]: secret.toString('base64') }
      return ok(printKeys(texts, plane.endpointFor(resource.name)))
    },
  })
}

/** The slot of a key type, whose case does not count. */
function slotNamed(keyType: string): AccessKeySlot | undefined {
  return (['primary', 'secondary'] as const).find((slot) => slot === keyType.toLowerCase())
}

/**
 * Reads the keys of a resource, and notes in the audit log that somebody looked at them.
 *
 * @returns `undefined` when the resource was deleted meanwhile.
 */
async function readKeys(
  plane: ControlPlane,
  resource: Resource,
  by: Doer,
): Promise<KeyTexts | undefined> {
  const { resourceId } = resource
  const slots = await plane.db.begin(async (transaction) => {
    const found = await findAccessKeys(transaction, resourceId)
    const target = printResourcePath(resource)
    if (found.length > 0) await appendAudit(transaction, [{ ...by, target, resourceId }])
    return found
  })
  if (slots.length === 0) return undefined
  const texts: KeyTexts = {}
  for (const { current } of slots) {
    const secret = openAccessKey(current, plane.sealer)
    if (secret === undefined) throw new Error('an access key does not open')
    texts[current.slot] = secret.toString('base64')
  }
  return texts
}

function printKeys(texts: KeyTexts, endpoint: string): object {
  const printed: Record<string, string> = {}
  for (const slot of ['primary', 'secondary'] as const) {
    const accessKey = texts[slot]
    if (accessKey === undefined) continue
    printed[`${slot}Key`] = accessKey
    printed[`${slot}ConnectionString`] = printConnectionString({ endpoint, accessKey })
  }
  return printed
}
