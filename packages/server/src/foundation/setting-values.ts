import { type NatsServers, parseNatsServers } from './nats-place.ts'
import type { SettingInvalid, SettingName } from './settings.ts'
import { parseTrustedIssuers, type TrustedIssuer } from './trusted-issuer.ts'

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

/** Reads where PostgreSQL is. */
export function databaseUrlFrom(text: string | undefined): string | undefined {
  if (text === undefined || /^postgres(ql)?:\/\//.test(text)) return text
  throw new Invalid('PARLEY_DATABASE_URL', 'a URL that starts with postgres://')
}

/** Reads where NATS is. */
export function natsServersFrom(text: string | undefined): NatsServers | undefined {
  const servers = text === undefined ? undefined : parseNatsServers(text)
  if (text === undefined || servers !== undefined) return servers
  throw new Invalid('PARLEY_NATS_URL', 'URLs that start with nats:// or tls://, with commas')
}

/** Reads what tokens name as their issuer. */
export function issuerFrom(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const isIssuer =
    URL.canParse(text) && /^https?:\/\/[\x21-\x7e]+$/.test(text) && !/[?#"\\]|\/$/.test(text)
  if (!isIssuer) throw new Invalid('PARLEY_ISSUER', 'an http(s) URL without a slash at its end')
  return text
}

/** Reads whose bearers are callers. */
export function trustedIssuersFrom(text: string): readonly TrustedIssuer[] {
  const issuers = parseTrustedIssuers(text)
  if (!issuers.ok) throw new Invalid('PARLEY_TRUSTED_ISSUERS', issuers.fault)
  return issuers.value
}

/** Reads the domain of resources. */
export function domainFrom(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const domain = text.toLowerCase()
  if (
    /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(:[0-9]{1,5})?$/.test(domain)
  ) {
    return domain
  }
  throw new Invalid('PARLEY_DOMAIN', 'a domain name, with port if any')
}

/** Reads host names. */
export function hostsFrom(text: string): readonly string[] {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase())
  const named = hosts.filter((host) => host !== '')
  if (named.every((host) => /^[a-z0-9.-]+(:[0-9]{1,5})?$/.test(host))) return named
  throw new Invalid('PARLEY_PUBLIC_HOSTS', 'host names separated by commas')
}
