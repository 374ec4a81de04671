/**
 * Phones: numbers of a resource, where calls to them go, and who may dial out.
 *
 * A *number* is E.164 and belongs to one resource of the server at most. It is assigned to an
 * identity, whose devices all ring. Nobody sells numbers here: they come from whoever runs the
 * trunk, and what is kept is where they lead.
 *
 * A *trunk* is a SIP peer that carries calls to the telephone network, by host name and port. A
 * *route* says for which numbers which trunks are tried, in their order; the first route whose
 * pattern fits is the one, and its next trunk is tried only where one does not take the call at
 * all. That is as the routing client of Azure Communication Services configures it.
 *
 * Calling phones costs money, and whoever comes by a token can spend it. So everything is shut
 * until its owner opens it: a resource dials nobody until it is enabled, then only the countries
 * that it names, under caps of its own on how many, how fast, how long, and how much a day an
 * identity talks. What is dear by nature or must not be a matter of an app (emergency numbers,
 * premium and satellite numbers) stays refused whatever is set.
 *
 * Invariants: the caller's number is one of the resource's; caps are counted and the call is
 * stored under one lock, so that no two calls pass a cap that has room for one.
 *
 * Rejected: countries by their names. North America shares +1 with two dozen islands, which are
 * what toll fraud calls; a country here is a calling code, and each of those islands has its own.
 */
import { fail, ok, type Result } from '@parley/protocol'

/** A number of a resource. */
export interface PhoneNumber {
  /** E.164, with `+`. */
  readonly number: string
  /** Whom it rings; `undefined`: that one is deleted, and calls to the number are refused. */
  readonly identityId: string | undefined
  readonly createdAtMs: number
}

/** What a resource allows its calls to phones. */
export interface PhoneSettings {
  /** Whether it dials out at all. */
  readonly isEnabled: boolean
  /** Calling codes that may be dialled: `+49`, `+1`, `+1876`. */
  readonly countries: readonly string[]
  /** Beginnings of numbers that may not be. */
  readonly refusedPrefixes: readonly string[]
  /** Calls to phones at a time, ringing ones among them. */
  readonly concurrentMax: number
  /** Calls to phones that begin in a minute. */
  readonly perMinuteMax: number
  /** Longest time of one call, in seconds. */
  readonly durationSecondsMax: number
  /** How long one identity may talk to phones in 24 hours, in seconds. */
  readonly identitySecondsPerDayMax: number
}

/** The settings of a resource that has set none. */
export const defaultPhoneSettings: PhoneSettings = {
  isEnabled: false,
  countries: [],
  refusedPrefixes: [],
  concurrentMax: 5,
  perMinuteMax: 10,
  durationSecondsMax: 3600,
  identitySecondsPerDayMax: 3600,
}

/** Reads a number. @faults not one of E.164: `+`, no zero first, 7 to 15 digits. */
export function parsePhoneNumber(text: string): Result<string, 'number-malformed'> {
  return /^\+[1-9][0-9]{6,14}$/.test(text) ? ok(text) : fail('number-malformed')
}

/** Reads the raw id of a phone, `4:+...`. */
export function parsePhoneRawId(rawId: string): Result<string, 'number-malformed'> {
  return rawId.startsWith('4:') ? parsePhoneNumber(rawId.slice(2)) : fail('number-malformed')
}

/** Prints the raw id of a phone. */
export function printPhoneRawId(number: string): string {
  return `4:${number}`
}

const twoDigits =
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 ' +
  '65 66 81 82 84 86 90 91 92 93 94 95 98'

/** Area codes below +1 that are neither of the United States nor of Canada. */
const islands =
  '242 246 264 268 284 340 345 441 473 649 658 664 670 671 684 721 758 767 784 787 809 829 849 ' +
  '868 869 876 939'

/** Below +7 that are of Kazakhstan. */
const kazakhstan = '6 7'

const codes: ReadonlySet<string> = new Set([
  ...['1', '7'],
  ...twoDigits.split(' '),
  ...islands.split(' ').map((area) => `1${area}`),
  ...kazakhstan.split(' ').map((zone) => `7${zone}`),
])

/**
 * The calling code that a number begins with: the longest one.
 *
 * @source ITU-T E.164, list of country codes; the North American Numbering Plan.
 */
export function callingCodeOf(number: string): string {
  const digits = number.slice(1)
  for (const length of [4, 2, 1]) {
    const code = digits.slice(0, length)
    if (codes.has(code)) return `+${code}`
  }
  return `+${digits.slice(0, 3)}`
}

/** Says whether a text is a calling code. */
export function isCallingCode(text: string): boolean {
  return /^\+[1-9][0-9]{0,3}$/.test(text) && callingCodeOf(`${text}5555555`) === text
}
