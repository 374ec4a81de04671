import { fail, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import { defaultPhoneSettings as defaults, isCallingCode, type PhoneSettings } from './model.ts'
import { auditPhones, type PhonesRoom } from './room.ts'
import { findPhoneSettings, upsertPhoneSettings } from './settings-store.ts'
import { resourceDeleted } from './sip-operations.ts'
import { lockPhones } from './sip-store.ts'

const fields = {
  pstnEnabled: Type.Boolean({ description: 'Whether calls to phones may be made at all.' }),
  countries: Type.Array(Type.String({ maxLength: 5 }), {
    maxItems: 300,
    description: 'Calling codes that may be dialled, such as +49 or +1; islands below +1: +1876.',
  }),
  refusedPrefixes: Type.Array(Type.String({ pattern: '^\\+[0-9]{1,15}$' }), {
    maxItems: 1000,
    description: 'Beginnings of numbers that may not be dialled.',
  }),
  concurrentMax: Type.Integer({ minimum: 0, maximum: 1000 }),
  perMinuteMax: Type.Integer({ minimum: 0, maximum: 1000 }),
  durationSecondsMax: Type.Integer({ minimum: 1, maximum: 86_400 }),
  identitySecondsPerDayMax: Type.Integer({ minimum: 0, maximum: 86_400 }),
}

const settingsSchema = Type.Object(fields)

const wantedSchema = Type.Object(
  {
    pstnEnabled: absentable(fields.pstnEnabled),
    countries: absentable(fields.countries),
    refusedPrefixes: absentable(fields.refusedPrefixes),
    concurrentMax: absentable(fields.concurrentMax),
    perMinuteMax: absentable(fields.perMinuteMax),
    durationSecondsMax: absentable(fields.durationSecondsMax),
    identitySecondsPerDayMax: absentable(fields.identitySecondsPerDayMax),
  },
  { additionalProperties: false },
)

const reply = { status: 200, schema: settingsSchema } as const

/** The operations on what a resource allows its calls to phones. */
export function phoneSettingsOperations(room: PhonesRoom): readonly Operation[] {
  const path = '/parley/phoneSettings'
  const id = 'Parley_SetPhoneSettings'
  return [
    resourceOperation({
      id: 'Parley_GetPhoneSettings',
      summary: 'Gets what the resource allows its calls to phones.',
      method: 'GET',
      path,
      versions: 'unversioned',
      reply,
      handle: async ({ caller: { resourceId } }) =>
        ok(printSettings(await findPhoneSettings(room.db, resourceId))),
    }),
    resourceOperation({
      id,
      summary: 'Sets it; what is left out is the default again, which allows nothing.',
      method: 'PUT',
      path,
      versions: 'unversioned',
      body: { schema: wantedSchema, isRequired: true },
      reply,
      handle: (call) => answerPut(room, call, id),
    }),
  ]
}

async function answerPut(
  room: PhonesRoom,
  call: ResourceCall<Static<typeof wantedSchema>>,
  operation: string,
): Promise<Result<unknown, Fault>> {
  const { resourceId } = call.caller
  const settings = settingsOf(call.body)
  const foreign = settings.countries.find((code) => !isCallingCode(code))
  if (foreign !== undefined) {
    const problem = `'${foreign}' is no calling code.`
    return fail({ kind: 'body-invalid', details: [{ field: 'countries', problem }] })
  }
  return room.db.begin(async (db): Promise<Result<unknown, Fault>> => {
    if (!(await lockPhones(db, resourceId))) return resourceDeleted
    await upsertPhoneSettings(db, resourceId, settings)
    await auditPhones(db, room, { call, operation, place: 'phoneSettings' })
    return ok(printSettings(settings))
  })
}

function settingsOf(body: Static<typeof wantedSchema>): PhoneSettings {
  return {
    isEnabled: body.pstnEnabled ?? defaults.isEnabled,
    countries: body.countries ?? defaults.countries,
    refusedPrefixes: body.refusedPrefixes ?? defaults.refusedPrefixes,
    concurrentMax: body.concurrentMax ?? defaults.concurrentMax,
    perMinuteMax: body.perMinuteMax ?? defaults.perMinuteMax,
    durationSecondsMax: body.durationSecondsMax ?? defaults.durationSecondsMax,
    identitySecondsPerDayMax: body.identitySecondsPerDayMax ?? defaults.identitySecondsPerDayMax,
  }
}

function printSettings(settings: PhoneSettings): Static<typeof settingsSchema> {
  const { isEnabled, countries, refusedPrefixes, ...numbers } = settings
  return {
    pstnEnabled: isEnabled,
    countries: [...countries],
    refusedPrefixes: [...refusedPrefixes],
    ...numbers,
  }
}
