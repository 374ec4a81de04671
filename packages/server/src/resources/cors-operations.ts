import { fail, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import { appendChanges } from '../events/store.ts'
import { originsMax, parseOrigins } from '../foundation/origin.ts'
import type { CorsDefaults, CorsRules } from './cors.ts'
import { printResourcePath, type Resource } from './model.ts'
import { updateCorsRules } from './store.ts'

/** What the rules of a resource for browsers need. */
export interface CorsRoom {
  readonly db: Database
  readonly feed: Pick<Feed, 'publish'>
  readonly findResource: (resourceId: string) => Resource | undefined
  readonly corsDefaults: CorsDefaults
}

const originsSchema = Type.Array(Type.String({ maxLength: 256 }), {
  maxItems: originsMax,
  description: 'Origins such as https://app.example; * alone: every origin; empty: none.',
})

const wantedSchema = Type.Object(
  { userOrigins: absentable(originsSchema), ownerOrigins: absentable(originsSchema) },
  { additionalProperties: false },
)

const rulesSchema = Type.Object({
  userOrigins: Type.Array(Type.String(), {
    description: 'Pages of these origins may call with access tokens.',
  }),
  ownerOrigins: Type.Array(Type.String(), {
    description: 'Pages of these origins may call with access keys and bearers.',
  }),
})

const reply = {
  status: 200,
  schema: rulesSchema,
  headers: { 'cache-control': 'no-store' },
} as const

/** The operations on which web pages may call a resource. */
export function corsOperations(room: CorsRoom): readonly Operation[] {
  const id = 'Parley_SetCors'
  const path = '/parley/cors'
  return [
    resourceOperation({
      id: 'Parley_GetCors',
      summary: 'Gets from which origins web pages may call the resource.',
      method: 'GET',
      path,
      versions: 'unversioned',
      reply,
      handle: ({ caller: { resourceId } }) => {
        const resource = room.findResource(resourceId)
        return resource === undefined ? resourceDeleted : ok(printRules(room, resource.cors))
      },
    }),
    resourceOperation({
      id,
      summary: 'Sets from which origins they may; a list left out is that of the server again.',
      method: 'PUT',
      path,
      versions: 'unversioned',
      body: { schema: wantedSchema, isRequired: true },
      reply,
      handle: (call) => setRules(room, call, id),
    }),
  ]
}

const resourceDeleted = fail<Fault>({ kind: 'caller-refused', reason: 'resource-deleted' })

function printRules(room: CorsRoom, rules: CorsRules | undefined): Static<typeof rulesSchema> {
  const { corsDefaults: defaults } = room
  return {
    userOrigins: [...(rules?.userOrigins ?? defaults.userOrigins)],
    ownerOrigins: [...(rules?.ownerOrigins ?? defaults.ownerOrigins)],
  }
}

/** When it answers, every node goes by the new rules. */
async function setRules(
  room: CorsRoom,
  call: ResourceCall<Static<typeof wantedSchema>>,
  operation: string,
): Promise<Result<unknown, Fault>> {
  const { caller, body, requestId, nowMs: atMs } = call
  const { resourceId, actor } = caller
  const userOrigins = parseList('userOrigins', body.userOrigins ?? undefined)
  if (!userOrigins.ok) return userOrigins
  const ownerOrigins = parseList('ownerOrigins', body.ownerOrigins ?? undefined)
  if (!ownerOrigins.ok) return ownerOrigins
  const rules = { userOrigins: userOrigins.value, ownerOrigins: ownerOrigins.value }
  const resource = room.findResource(resourceId)
  if (resource === undefined) return resourceDeleted
  const target = `${printResourcePath(resource)}/cors`
  const events = await room.db.begin(async (transaction) => {
    if (!(await updateCorsRules(transaction, resourceId, rules))) return undefined
    const changed = { kind: 'resource-changed', resourceIds: [resourceId], atMs } as const
    const appended = await appendChanges(transaction, changed)
    await appendAudit(transaction, [{ actor, operation, target, resourceId, requestId, atMs }])
    return appended
  })
  if (events === undefined) return resourceDeleted
  await room.feed.publish(events)
  return ok(printRules(room, rules))
}

function parseList(
  field: string,
  texts: readonly string[] | undefined,
): Result<readonly string[] | undefined, Fault> {
  if (texts === undefined) return ok(undefined)
  const origins = parseOrigins(texts)
  if (origins.ok) return origins
  const details = [{ field, problem: `Expected ${origins.fault}.` }]
  return fail({ kind: 'body-invalid', details })
}
