import { fail, ok, parseIdentityName, printIdentityName, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import {
  type Operation,
  Replied,
  type ResourceCall,
  resourceOperation,
} from '../contract/operation.ts'
import { judgeNumber } from './dialling.ts'
import { type PhoneNumber, parsePhoneNumber } from './model.ts'
import {
  countPhoneNumbers,
  deletePhoneNumber,
  findPhoneNumber,
  listPhoneNumbers,
  upsertPhoneNumber,
} from './number-store.ts'
import { auditPhones, type PhonesRoom } from './room.ts'
import { resourceDeleted } from './sip-operations.ts'
import { lockPhones } from './sip-store.ts'

const versions = 'unversioned'
const path = '/parley/phoneNumbers/{phoneNumber}'

const targetSchema = Type.Object(
  {
    identity: absentable(
      Type.String({ description: 'Raw id of an identity, whose devices all ring.' }),
    ),
    roomId: absentable(Type.String({ description: 'Answered 501: phones come into no group.' })),
  },
  { additionalProperties: false },
)

const numberSchema = Type.Object({
  phoneNumber: Type.String({ description: 'E.164, `+15550100`.' }),
  identity: Type.Optional(Type.String()),
  createdOn: instantSchema,
})

/** The operations on the numbers of a resource. */
export function numberOperations(room: PhonesRoom): readonly Operation[] {
  return [listOperation(room), getOperation(room), putOperation(room), deleteOperation(room)]
}

const unknownNumber: Result<never, Fault> = fail({ kind: 'entry-unknown', what: 'phone number' })

function listOperation(room: PhonesRoom): Operation {
  return resourceOperation({
    id: 'Parley_ListPhoneNumbers',
    summary: 'Lists the phone numbers of the resource, and where they lead.',
    method: 'GET',
    path: '/parley/phoneNumbers',
    versions,
    query: { after: Type.Optional(Type.String({ description: 'Of `nextLink`.' })) },
    reply: {
      status: 200,
      schema: Type.Object({
        value: Type.Array(numberSchema),
        nextLink: Type.Optional(Type.String()),
      }),
    },
    handle: async ({ caller: { resourceId }, query }) => {
      const after = query['after'] ?? ''
      if (typeof after !== 'string') {
        return fail({ kind: 'query-invalid', parameter: 'after', expected: 'that of a nextLink' })
      }
      const { phoneNumbersInPage: inPage } = serverLimits
      const asked = { after, numbersMax: inPage + 1 }
      const found = await listPhoneNumbers(room.db, resourceId, asked)
      const shown = found.slice(0, inPage)
      const last = found.length > inPage ? shown.at(-1)?.number : undefined
      const endpoint = room.endpointFor(room.findResource(resourceId)?.name ?? '')
      const place = last && `parley/phoneNumbers?after=${encodeURIComponent(last)}`
      return ok({
        value: shown.map((one) => printNumber(resourceId, one)),
        ...(place === undefined ? {} : { nextLink: `${endpoint}${place}` }),
      })
    },
  })
}

function getOperation({ db }: PhonesRoom): Operation {
  return resourceOperation({
    id: 'Parley_GetPhoneNumber',
    summary: 'Gets a phone number of the resource, and where it leads.',
    method: 'GET',
    path,
    versions,
    reply: { status: 200, schema: numberSchema },
    handle: async ({ caller: { resourceId }, params }) => {
      const found = await findPhoneNumber(db, resourceId, params['phoneNumber'] ?? '')
      return found === undefined ? unknownNumber : ok(printNumber(resourceId, found))
    },
  })
}

function putOperation(room: PhonesRoom): Operation {
  const id = 'Parley_AssignPhoneNumber'
  return resourceOperation({
    id,
    summary: 'Assigns a phone number to an identity.',
    method: 'PUT',
    path,
    versions,
    body: { schema: targetSchema, isRequired: true },
    reply: { status: 200, otherStatuses: [201], schema: numberSchema },
    handle: (call) => answerPut(room, call, id),
  })
}

function deleteOperation(room: PhonesRoom): Operation {
  const operation = 'Parley_DeletePhoneNumber'
  return resourceOperation({
    id: operation,
    summary: 'Gives a phone number up: calls to it are refused, and none shows it.',
    method: 'DELETE',
    path,
    versions,
    reply: { status: 204 },
    handle: async (call) => {
      const { resourceId } = call.caller
      const number = call.params['phoneNumber'] ?? ''
      return room.db.begin(async (db): Promise<Result<undefined, Fault>> => {
        if (!(await lockPhones(db, resourceId))) return resourceDeleted
        if (!(await deletePhoneNumber(db, resourceId, number))) return unknownNumber
        await auditPhones(db, room, { call, operation, place: `phoneNumbers/${number}` })
        return ok(undefined)
      })
    },
  })
}

function refuseField(field: string, message: string): Result<never, Fault> {
  return fail({ kind: 'body-invalid', details: [{ field, problem: message }] })
}

async function answerPut(
  room: PhonesRoom,
  call: ResourceCall<Static<typeof targetSchema>>,
  operation: string,
): Promise<Result<unknown, Fault>> {
  const { caller, params, body, nowMs: atMs } = call
  const { resourceId } = caller
  const number = parsePhoneNumber(params['phoneNumber'] ?? '')
  if (!number.ok || !judgeNumber(number.value).ok) {
    return refuseField('phoneNumber', 'Expected an E.164 number such as +15550100.')
  }
  if (typeof body.roomId === 'string') {
    return fail({ kind: 'operation-not-served', what: 'phones in the calls of rooms' })
  }
  const name = parseIdentityName(body.identity ?? '')
  if (name?.resourceId !== resourceId) return refuseField('identity', notThere)
  return room.db.begin(async (db): Promise<Result<unknown, Fault>> => {
    if (!(await lockPhones(db, resourceId))) return resourceDeleted
    const asked = { number: number.value, identityId: name.identityId, atMs }
    const stored = await upsertPhoneNumber(db, resourceId, asked)
    if (stored.kind === 'taken') return refuseField('phoneNumber', 'It is of another resource.')
    if (stored.kind === 'identity-unknown') return refuseField('identity', notThere)
    const { phoneNumbersMax: most } = serverLimits
    // The lock is held: nobody else adds one meanwhile. A refusal takes this one back.
    if (stored.isNew && (await countPhoneNumbers(db, resourceId)) > most) {
      await deletePhoneNumber(db, resourceId, number.value)
      return refuseField('phoneNumber', `There are at most ${most} in a resource.`)
    }
    await auditPhones(db, room, { call, operation, place: `phoneNumbers/${number.value}` })
    const printed = printNumber(resourceId, stored.number)
    return ok(stored.isNew ? new Replied(201, printed) : printed)
  })
}

const notThere = "It doesn't exist."

function printNumber(
  resourceId: string,
  { number, identityId, createdAtMs }: PhoneNumber,
): Static<typeof numberSchema> {
  const identity = identityId && printIdentityName({ resourceId, identityId })
  return {
    phoneNumber: number,
    ...(identity === undefined ? {} : { identity }),
    createdOn: printInstant(createdAtMs),
  }
}
