import { fail, isGuid, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { controlOperation, type Operation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { KeyRing } from './key-ring.ts'
import { listKeyFacts, type SlotFacts } from './store.ts'
import { flushKeyUses } from './uses.ts'

/** What the operations on access keys need. */
export interface KeyRoom {
  readonly db: Database
  readonly keyRing: KeyRing
}

const generation = Type.Integer({ minimum: 1 })

const slotSchema = Type.Object({
  slot: Type.String({ enum: ['primary', 'secondary'] }),
  generation,
  createdOn: instantSchema,
  lastUsedOn: Type.Optional(instantSchema),
  former: Type.Optional(
    Type.Object({
      generation,
      validUntil: instantSchema,
      lastUsedOn: Type.Optional(instantSchema),
    }),
  ),
})

/** The operations on access keys that ARM does not have. */
export function keyOperations(room: KeyRoom): readonly Operation[] {
  return [
    controlOperation('reader', {
      id: 'Parley_ListAccessKeys',
      summary: 'Tells of which generation the access keys are, and when each was last used.',
      method: 'GET',
      path: '/parley/resources/{resourceId}/accessKeys',
      versions: 'unversioned',
      reply: { status: 200, schema: Type.Object({ value: Type.Array(slotSchema) }) },
      handle: async ({ params }) => {
        const resourceId = (params['resourceId'] ?? '').toLowerCase()
        if (!isGuid(resourceId)) {
          return fail({ kind: 'entry-unknown', what: 'resource' })
        }
        await flushKeyUses(room.db, room.keyRing)
        const slots = await listKeyFacts(room.db, resourceId)
        if (slots.length === 0) return fail({ kind: 'entry-unknown', what: 'resource' })
        return ok({ value: slots.map(printSlot) })
      },
    }),
  ]
}

function printSlot({ slot, createdAtMs, former, ...current }: SlotFacts): object {
  const { generation: formerGeneration, validUntilMs, lastUsedAtMs } = former ?? {}
  return {
    slot,
    generation: current.generation,
    createdOn: printInstant(createdAtMs),
    ...lastUsed(current.lastUsedAtMs),
    ...(validUntilMs === undefined
      ? {}
      : {
          former: {
            generation: formerGeneration,
            validUntil: printInstant(validUntilMs),
            ...lastUsed(lastUsedAtMs),
          },
        }),
  }
}

function lastUsed(atMs: number | undefined): object {
  return atMs === undefined ? {} : { lastUsedOn: printInstant(atMs) }
}
