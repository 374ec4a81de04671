/** Who may dial what: every guard against toll fraud, in the order in which they are asked. */
import { fail, ok, type Result } from '@parley/protocol'
import { callingCodeOf, type PhoneSettings, parsePhoneNumber } from './model.ts'

/** Why a number is not dialled. */
export type DialRefusal =
  /** The resource dials nobody. */
  | 'not-enabled'
  /** Not E.164. */
  | 'number-malformed'
  /** An emergency or short number: a telephone must be used. */
  | 'emergency'
  /** Dear by nature: premium, shared cost, personal, satellite. */
  | 'premium'
  /** Its calling code is not on the list of the resource. */
  | 'country'
  /** It begins with what the resource refuses. */
  | 'prefix'
  /** The caller's number is none of the resource's. */
  | 'caller-id'
  /** It is a number of this server: no trunk has to carry that. */
  | 'own-number'
  | 'concurrent'
  | 'per-minute'
  | 'daily'
  /** No route fits it, or the one that does has no trunk. */
  | 'no-route'

/** What has been dialled up to now, under the lock of the resource. */
export interface DialledUntilNow {
  /** Calls to phones that ring or go on. */
  readonly live: number
  /** Those that began in the last minute. */
  readonly inLastMinute: number
  /** Seconds of the identity in the last 24 hours; of those that go on, all they may take. */
  readonly identitySeconds: number
}

/** A number that somebody wants to dial. */
export interface AskedDial {
  readonly number: string
  /** What the called phone shows. */
  readonly callerId: string | undefined
}

/** A call to a phone that may be made. */
export interface AllowedDial {
  readonly number: string
  readonly callerId: string
  /** How long it may last. */
  readonly secondsMax: number
}

/** Numbers of some hundred networks that are dear by nature, as beginnings. */
const premiumPrefixes: readonly string[] = [
  // International networks: satellites, universal premium and shared cost, trials.
  ...['+808', '+870', '+878', '+881', '+882', '+883', '+888', '+979', '+991'],
  ...['+1900', '+1976', '+1809976'],
  ...['+449', '+44843', '+44844', '+44845', '+4487', '+4470', '+44118'],
  ...['+49900', '+49137', '+491805', '+491806', '+49118', '+49190'],
  ...['+3389', '+3381', '+3382', '+39892', '+39894', '+39895', '+39899', '+39166'],
  ...['+34803', '+34806', '+34807', '+34905', '+34907', '+351607', '+35176', '+351601'],
  ...['+31900', '+31906', '+31909', '+3290', '+41900', '+41901', '+41906', '+4390', '+4393'],
  ...['+46900', '+46939', '+46944', '+4782', '+48700', '+48701', '+48703', '+48704', '+48708'],
  ...['+353150', '+353151', '+353152', '+353153', '+353154', '+353155', '+353156', '+353157'],
  ...['+353158', '+353159', '+358600', '+358700', '+61190', '+64900', '+81990', '+82060'],
  ...['+7803', '+7809', '+55900', '+52900', '+5490', '+27862', '+91190', '+97219', '+372900'],
  ...['+4290', '+420900', '+420906', '+420909', '+421900', '+3690', '+40900', '+35990'],
]

/** Shortest national part that can be somebody's number. */
const nationalDigitsMin = 5

function isShort(number: string): boolean {
  return number.length - callingCodeOf(number).length < nationalDigitsMin
}

/** Refuses numbers that nobody may dial, whatever a resource has set. */
export function judgeNumber(
  text: string,
): Result<string, 'number-malformed' | 'emergency' | 'premium'> {
  // No number of a person is as short as that, with or without a country before it.
  if (/^\+?[0-9]{1,6}$/.test(text)) return fail('emergency')
  const parsed = parsePhoneNumber(text)
  if (!parsed.ok) return parsed
  if (isShort(text)) return fail('emergency')
  // In North America the exchange 976 is dear in every area.
  const isPremium =
    premiumPrefixes.some((prefix) => text.startsWith(prefix)) || /^\+1[0-9]{3}976/.test(text)
  return isPremium ? fail('premium') : ok(text)
}

/**
 * Decides whether somebody may dial a number.
 *
 * @param ownNumbers - the numbers of the resource.
 */
export function judgeDial(
  settings: PhoneSettings,
  asked: AskedDial,
  given: { readonly ownNumbers: readonly string[]; readonly until: DialledUntilNow },
): Result<AllowedDial, DialRefusal> {
  const { ownNumbers, until } = given
  if (!settings.isEnabled) return fail('not-enabled')
  const judged = judgeNumber(asked.number)
  if (!judged.ok) return judged
  const number = judged.value
  if (!settings.countries.includes(callingCodeOf(number))) return fail('country')
  if (settings.refusedPrefixes.some((prefix) => number.startsWith(prefix))) return fail('prefix')
  if (ownNumbers.includes(number)) return fail('own-number')
  // Whoever says none shows the number that there is; of several, one must be chosen.
  const callerId = asked.callerId ?? (ownNumbers.length === 1 ? ownNumbers[0] : undefined)
  if (callerId === undefined || !ownNumbers.includes(callerId)) return fail('caller-id')
  if (until.live >= settings.concurrentMax) return fail('concurrent')
  if (until.inLastMinute >= settings.perMinuteMax) return fail('per-minute')
  const left = settings.identitySecondsPerDayMax - until.identitySeconds
  if (left <= 0) return fail('daily')
  return ok({ number, callerId, secondsMax: Math.min(left, settings.durationSecondsMax) })
}
