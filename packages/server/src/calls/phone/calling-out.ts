/** How a client calls a phone: judged and stored under one lock, then dialled. */
import type { CallErrorCode, CallMedia, JoinedCall, Result } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import type { Transaction } from '../../database/connect.ts'
import { type DialRefusal, judgeDial } from '../../phones/dialling.ts'
import { listPhoneNumbers } from '../../phones/number-store.ts'
import { findPhoneSettings } from '../../phones/settings-store.ts'
import { trunksFor } from '../../phones/sip-configuration.ts'
import { findSip, lockPhones } from '../../phones/sip-store.ts'
import { holdCallees, insertCall } from '../call-store.ts'
import { type Comer, letIn, newCall, seated } from '../coming.ts'
import { endLegsOf } from '../going.ts'
import type { DialledPhone } from '../media-engine.ts'
import { type Call, type CallFault, isDialling, liveLegs, refuse } from '../model.ts'
import { enterPhone } from '../phone-legs.ts'
import { type CallWorld, type Decide, legsMaxOf, takeStep } from '../steps.ts'
import { countDialled } from './dialled-store.ts'

/** A call to a phone, as it is asked for. */
export interface AskedPhoneCall {
  /** `4:+...`, alone. */
  readonly to: readonly string[]
  readonly media: CallMedia
  /** E.164; absent: the number of the resource, where it has one alone. */
  readonly callerId?: string
  readonly isJoinable?: boolean
}

/** Whether a phone alone is called. */
export function isToPhone({ to, isJoinable = false }: AskedPhoneCall): boolean {
  return to.length === 1 && to[0]?.startsWith('4:') === true && !isJoinable
}

const phoneEngine = { isGroup: false, isToPhone: true } as const

/**
 * Calls a phone.
 *
 * @faults `PhoneUnavailable` - there is no way to phones here, or the resource is not enabled;
 *   `PhoneForbidden` - a guard refuses this one; `TooMany` - a cap is reached. `detail` says which.
 */
export async function startPhoneCall(
  world: CallWorld,
  comer: Comer,
  asked: AskedPhoneCall,
): Promise<Result<JoinedCall, CallFault>> {
  const { engines, db } = world
  if (!engines.choose(phoneEngine).hasPhones) return refuse('PhoneUnavailable', 'no-line')
  if (asked.media !== 'audio') return refuse('PhoneUnavailable', 'audio-only')
  type Begun = Result<{ readonly call: Call; readonly dial: DialledPhone }, CallFault>
  const begun = (await db.begin((transaction) =>
    begin(world, transaction, { comer, asked }),
  )) as Begun
  if (!begun.ok) return begun
  const { call, dial } = begun.value
  const joined = await seated(world, call, comer)
  if (!joined.ok) return joined
  const line = liveLegs(call).find(isDialling)
  const { resourceId, callId } = call
  const legId = line?.legId ?? ''
  const dialled = await engines.of(call).dial({ resourceId, callId, legId }, dial)
  if (dialled.ok) return joined
  const isMeant = () => true
  const atMs = world.platform.now()
  await endLegsOf(world, call, { isMeant, reason: 'failed', atMs })
  return refuse('EngineFailed', dialled.fault.kind)
}

async function begin(
  world: CallWorld,
  db: Transaction,
  { comer, asked }: { readonly comer: Comer; readonly asked: AskedPhoneCall },
): Promise<Result<{ readonly call: Call; readonly dial: DialledPhone }, CallFault>> {
  const { resourceId, identityId } = comer
  // Until the commit nobody else of this resource is judged.
  if (!(await lockPhones(db, resourceId))) return refuse('Unavailable')
  const judged = await judge(world, db, { comer, asked })
  if (!judged.ok) return judged
  const present = await holdCallees(db, resourceId, [identityId])
  if (!present.has(identityId)) return refuse('IdentityNotFound')
  const { media } = asked
  const bare = newCall(
    world,
    { resourceId, media, isJoinable: false, roomId: undefined },
    phoneEngine,
  )
  const decide: Decide = async (empty) => {
    const entered = await letIn(world, db, { call: empty, comer, direction: 'started' })
    if (!entered.ok) return entered
    const { platform } = world
    const { call } = entered.value
    return enterPhone(call, {
      ...{ legId: platform.newGuid(), deviceId: platform.newGuid(), atMs: platform.now() },
      phone: judged.value.number,
      direction: 'answered',
      role: 'Attendee',
      legsMax: legsMaxOf(world, call),
    })
  }
  if (!(await insertCall(db, bare))) return refuse('Unavailable')
  const taken = await takeStep(world, db, { call: { ...bare, legs: [], rings: [] }, decide })
  return taken.ok ? { ok: true, value: { call: taken.value, dial: judged.value } } : taken
}

async function judge(
  { platform }: CallWorld,
  db: Transaction,
  { comer, asked }: { readonly comer: Comer; readonly asked: AskedPhoneCall },
): Promise<Result<DialledPhone, CallFault>> {
  const { resourceId, identityId } = comer
  const settings = await findPhoneSettings(db, resourceId)
  const { phoneNumbersMax: numbersMax } = serverLimits
  const own = await listPhoneNumbers(db, resourceId, { after: '', numbersMax })
  const { durationSecondsMax } = settings
  const counted = { identityId, nowMs: platform.now(), durationSecondsMax }
  const until = await countDialled(db, resourceId, counted)
  const number = asked.to[0]?.slice(2) ?? ''
  const wanted = { number, callerId: asked.callerId }
  const ownNumbers = own.map(({ number: one }) => one)
  const judged = judgeDial(settings, wanted, { ownNumbers, until })
  if (!judged.ok) return refuse(codeOf(judged.fault), judged.fault)
  const trunks = trunksFor(await findSip(db, resourceId), judged.value.number)
  if (trunks.length === 0) return refuse('PhoneUnavailable', 'no-route')
  return { ok: true, value: { ...judged.value, trunks } }
}

function codeOf(refusal: DialRefusal): CallErrorCode {
  switch (refusal) {
    case 'not-enabled':
    case 'no-route':
      return 'PhoneUnavailable'
    case 'concurrent':
    case 'per-minute':
    case 'daily':
      return 'TooMany'
    default:
      return 'PhoneForbidden'
  }
}
