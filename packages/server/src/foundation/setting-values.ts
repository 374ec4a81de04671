import type { Result } from '@parley/protocol'
import type { SettingInvalid, SettingName } from './settings.ts'

/** Thrown while settings are read: the first that cannot be taken ends the reading. */
export class Invalid extends Error {
  readonly fault: SettingInvalid
  constructor(name: SettingName, expected: string) {
    super(expected)
    this.fault = { kind: 'setting-invalid', name, expected }
  }
}

/** Gives the text of a setting, or of its default. */
export type Read = (name: SettingName) => string | undefined

/** Reads a whole number in a range. */
export function wholeNumber(
  name: SettingName,
  range: { readonly min: number; readonly max: number },
  read: Read,
): number {
  const text = read(name) ?? ''
  const value = Number(text)
  const isInRange = /^[0-9]+$/.test(text) && value >= range.min && value <= range.max
  if (!isInRange) throw new Invalid(name, `a whole number, ${range.min}..${range.max}`)
  return value
}

/** Reads a port. */
export function portFrom(name: SettingName, read: Read): number {
  return wholeNumber(name, { min: 0, max: 65_535 }, read)
}

/** Reads a port, or `off`. */
export function optionalPortFrom(name: SettingName, read: Read): number | undefined {
  return read(name) === 'off' ? undefined : portFrom(name, read)
}

/** Reads a number of days, or `off`. */
export function daysFrom(name: SettingName, read: Read): number | undefined {
  return read(name) === 'off' ? undefined : wholeNumber(name, { min: 1, max: 3650 }, read)
}

/** Reads one of some words. */
export function oneOf<const Choice extends string>(
  name: SettingName,
  choices: readonly Choice[],
  read: Read,
): Choice {
  const text = read(name)
  const choice = choices.find((one) => one === text)
  if (choice === undefined) throw new Invalid(name, `one of ${choices.join(', ')}`)
  return choice
}

/** Reads what has a form of its own; the fault says what it must be. */
export function parsed<Value>(
  name: SettingName,
  parse: (text: string) => Result<Value, string>,
  read: Read,
): Value {
  const result = parse(read(name) ?? '')
  if (!result.ok) throw new Invalid(name, result.fault)
  return result.value
}

/** The same of what may be absent. */
export function ifGiven<Value>(
  name: SettingName,
  parse: (text: string) => Result<Value, string>,
  read: Read,
): Value | undefined {
  return read(name) === undefined ? undefined : parsed(name, parse, read)
}
