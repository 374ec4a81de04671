import { resolve } from 'node:path'
import { fail, ok, type Result } from '@parley/protocol'
import { parseDatabaseUrl, parseDomain, parseHosts, parseIssuer } from './addresses.ts'
import { type JanusPlace, janusFrom, janusRows } from './janus-settings.ts'
import { type LivekitPlace, livekitFrom, livekitRows } from './livekit-settings.ts'
import { type LogLevel, logLevels } from './log.ts'
import { type NatsServers, parseNatsServers } from './nats-place.ts'
import { parseOriginList } from './origin.ts'
import { type SipSettings, sipFrom, sipRows } from './phone-edge.ts'
import { parseRates, type Rates } from './rates.ts'
import {
  daysFrom,
  Invalid,
  ifGiven,
  oneOf,
  optionalPortFrom,
  parsed,
  portFrom,
  wholeNumber,
} from './setting-values.ts'
import { parseTrustedIssuers, type TrustedIssuer } from './trusted-issuer.ts'
import type { HostAndPort } from './turn-place.ts'
import { turnFrom, turnRows } from './turn-settings.ts'

/**
 * Every setting, read in this one place from environment variables. The reference page
 * `docs/reference/settings.md` is printed from `settingRows`.
 */
export interface Settings extends SipSettings {
  readonly dataDir: string
  readonly host: string
  readonly httpsPort: number
  /** `undefined`: no such listener. */
  readonly httpPort: number | undefined
  /** `undefined`: no such listener. */
  readonly managementPort: number | undefined
  readonly databaseUrl: string | undefined
  /** `undefined`: events go over the database alone. */
  readonly nats: NatsServers | undefined
  readonly natsCredentials: string | undefined
  readonly natsReplicas: number
  readonly masterKey: string | undefined
  /** What secrets were sealed under before. */
  readonly masterKeyFormer: string | undefined
  readonly issuer: string | undefined
  readonly publicHosts: readonly string[]
  /** Lower case, with port if any. */
  readonly domain: string | undefined
  /** Origins whose pages may call with access tokens, where a resource has none set. */
  readonly corsOrigins: readonly string[]
  /** How often what may be asked for. */
  readonly rates: Rates
  readonly tlsCertificate: string | undefined
  readonly tlsKey: string | undefined
  readonly signingAlgorithm: SigningAlgorithm
  readonly trustedIssuers: readonly TrustedIssuer[]
  /** `undefined`: signing keys are rotated by hand. */
  readonly signingKeyDays: number | undefined
  readonly logLevel: LogLevel
  readonly showsRefusalReasons: boolean
  readonly stopTimeoutMs: number
  readonly hasCanary: boolean
  /** `undefined`: no calls go by LiveKit. */
  readonly livekit: LivekitPlace | undefined
  /** `undefined`: no calls go by Janus. */
  readonly janus: JanusPlace | undefined
  /** What carries calls of two, where a media server is configured. */
  readonly callsOfTwo: 'direct' | 'server'
  /** Processes that serve; 1: the one that starts. */
  readonly workersCount: number
  /** `undefined`: there is no relay. */
  readonly turnUrls: readonly string[] | undefined
  readonly turnRealm: string
  /** `undefined`: sessions at relays are not ended. */
  readonly turnCli: readonly HostAndPort[] | undefined
  readonly turnCliPassword: string | undefined
}

/** How access tokens are signed. */
export type SigningAlgorithm = 'ES256' | 'RS256'

/** One setting as a person sets it. */
export interface SettingRow {
  readonly name: string
  /** Printed form of the default; `undefined` when the setting is absent by default. */
  readonly defaultText: string | undefined
  readonly meaning: string
}

/** A variable whose value cannot be taken. */
export interface SettingInvalid {
  readonly kind: 'setting-invalid'
  readonly name: string
  /** What it must be, without the value that was given: that may be a secret. */
  readonly expected: string
}

/** The settings in the order of the reference page. */
export const settingRows = [
  row(
    'PARLEY_DATA_DIR',
    '.parley',
    'Directory for database, keys and certificates; made if absent.',
  ),
  row('PARLEY_HOST', '127.0.0.1', 'Address that the https listener binds.'),
  row('PARLEY_HTTPS_PORT', '4430', 'Port of the https listener; 0 takes any free one.'),
  row(
    'PARLEY_HTTP_PORT',
    '4480',
    'Port of the plain http listener, always on loopback; `off` for none.',
  ),
  row(
    'PARLEY_MANAGEMENT_PORT',
    '4490',
    'Port for metrics and health, always on loopback; `off` for none.',
  ),
  row('PARLEY_DATABASE_URL', undefined, 'PostgreSQL 15 or later; absent: the embedded one.'),
  row(
    'PARLEY_NATS_URL',
    undefined,
    'NATS servers that carry revocations too, with commas: `nats://user:password@host:4222`.',
  ),
  row('PARLEY_NATS_CREDENTIALS', undefined, 'File of credentials for NATS (`.creds`).'),
  row('PARLEY_NATS_REPLICAS', '1', 'NATS servers that keep each message, 1..5.'),
  row(
    'PARLEY_MASTER_KEY',
    undefined,
    'Base64 of 32 bytes that seal keys at rest; absent: `master.key`.',
  ),
  row(
    'PARLEY_MASTER_KEY_FORMER',
    undefined,
    'Key to be replaced: a start seals anew what it sealed; absent: `master.key.former`, if any.',
  ),
  row(
    'PARLEY_ISSUER',
    undefined,
    'URL in `iss`; tokens of another are refused. Absent: the https endpoint, no last slash.',
  ),
  row(
    'PARLEY_PUBLIC_HOSTS',
    '',
    'Host names, with port if any, under which a proxy shows the server.',
  ),
  row(
    'PARLEY_DOMAIN',
    undefined,
    'Domain, with port if not 443, below which each resource has its host name: `<name>.<domain>`.',
  ),
  row(
    'PARLEY_CORS_ORIGINS',
    '*',
    'Origins whose web pages may call with access tokens; `*` for all, `off` for none.',
  ),
  row(
    'PARLEY_RATE_LIMITS',
    undefined,
    '`off`, `published`, a factor, or JSON by rate; absent: `published` where a database is named.',
  ),
  row(
    'PARLEY_TLS_CERTIFICATE',
    undefined,
    'PEM file of the certificate chain; absent: a development one.',
  ),
  row('PARLEY_TLS_KEY', undefined, 'PEM file of the private key of that certificate.'),
  row('PARLEY_SIGNING_ALGORITHM', 'ES256', '`ES256` or `RS256`, for tokens signed from now on.'),
  row(
    'PARLEY_TRUSTED_ISSUERS',
    '[]',
    'JSON array of OpenID issuers whose bearers are callers: ' +
      '`{issuer, audience, tenant?, roleClaim?, roles?}`.',
  ),
  row(
    'PARLEY_SIGNING_KEY_DAYS',
    '90',
    'Days after which another key signs, 1..3650; `off`: when somebody asks for it.',
  ),
  row('PARLEY_LOG_LEVEL', 'info', `One of ${logLevels.join(', ')}.`),
  row('PARLEY_REFUSAL_REASONS', 'off', '`on` names the reason of a 401 in a response header.'),
  row('PARLEY_STOP_TIMEOUT_MS', '10000', 'Time that requests in flight have to finish at a stop.'),
  row('PARLEY_CANARY', 'on', '`off`: no token is issued, verified and revoked each second.'),
  row('PARLEY_WORKERS', '1', 'Processes that serve, 1..64; about one for each processor.'),
  ...livekitRows,
  row(
    'PARLEY_CALLS_OF_TWO',
    'direct',
    '`direct`: from peer to peer; `server`: by the media server that carries groups, if any.',
  ),
  ...janusRows,
  ...turnRows,
  ...sipRows,
] as const satisfies readonly SettingRow[]

function row<const Name extends string>(
  name: Name,
  defaultText: string | undefined,
  meaning: string,
): { readonly name: Name; readonly defaultText: string | undefined; readonly meaning: string } {
  return { name, defaultText, meaning }
}

/** What a setting is called. */
export type SettingName = (typeof settingRows)[number]['name']

/**
 * Reads the settings.
 *
 * @param environment - variables as a process has them; an empty one counts as absent.
 * @faults `setting-invalid` - the first variable that cannot be taken, or a `PARLEY_*` variable
 *   that does not exist: a misspelt setting must not be silently without effect.
 */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Result<Settings, SettingInvalid> {
  const unknown = Object.keys(environment).find((name) => isUnknownSetting(name))
  if (unknown !== undefined) {
    return fail({ kind: 'setting-invalid', name: unknown, expected: 'a setting that exists' })
  }
  try {
    return ok(settingsFrom((name) => environment[name] || defaultOf(name)))
  } catch (error) {
    if (error instanceof Invalid) return fail(error.fault)
    throw error
  }
}

/** Variables of `parley.env` and of the test tools share the prefix; they are no settings. */
const otherNames = new Set([
  'PARLEY_ADMIN_ENDPOINT',
  'PARLEY_ADMIN_TOKEN',
  'PARLEY_SUBSCRIPTION_ID',
  'PARLEY_RESOURCE_GROUP',
  'PARLEY_RESOURCE_NAME',
  'PARLEY_JWKS_URL',
  'PARLEY_HTTP_ENDPOINT',
  'PARLEY_CONTRACTS',
  'PARLEY_TEST_FOLDER',
])

function isUnknownSetting(name: string): boolean {
  if (!name.startsWith('PARLEY_') || otherNames.has(name)) return false
  return !settingRows.some((one) => one.name === name)
}

function defaultOf(name: SettingName): string | undefined {
  return settingRows.find((one) => one.name === name)?.defaultText
}

function settingsFrom(read: (name: SettingName) => string | undefined): Settings {
  const tlsCertificate = read('PARLEY_TLS_CERTIFICATE')
  const tlsKey = read('PARLEY_TLS_KEY')
  if ((tlsCertificate === undefined) !== (tlsKey === undefined)) {
    throw new Invalid('PARLEY_TLS_KEY', 'set exactly when PARLEY_TLS_CERTIFICATE is')
  }
  const nats = ifGiven('PARLEY_NATS_URL', natsServersFrom, read)
  const natsCredentials = read('PARLEY_NATS_CREDENTIALS')
  if (nats === undefined && natsCredentials !== undefined) {
    throw new Invalid('PARLEY_NATS_CREDENTIALS', 'set only where PARLEY_NATS_URL is')
  }
  const ratesAbsent = read('PARLEY_DATABASE_URL') === undefined ? 'off' : 'published'
  return {
    dataDir: resolve(read('PARLEY_DATA_DIR') ?? ''),
    host: read('PARLEY_HOST') ?? '',
    httpsPort: portFrom('PARLEY_HTTPS_PORT', read),
    httpPort: optionalPortFrom('PARLEY_HTTP_PORT', read),
    managementPort: optionalPortFrom('PARLEY_MANAGEMENT_PORT', read),
    databaseUrl: ifGiven('PARLEY_DATABASE_URL', parseDatabaseUrl, read),
    nats,
    natsCredentials,
    natsReplicas: wholeNumber('PARLEY_NATS_REPLICAS', { min: 1, max: 5 }, read),
    livekit: livekitFrom(read),
    janus: janusFrom(read),
    callsOfTwo: oneOf('PARLEY_CALLS_OF_TWO', ['direct', 'server'], read),
    masterKey: read('PARLEY_MASTER_KEY'),
    masterKeyFormer: read('PARLEY_MASTER_KEY_FORMER'),
    issuer: ifGiven('PARLEY_ISSUER', parseIssuer, read),
    publicHosts: parsed('PARLEY_PUBLIC_HOSTS', parseHosts, read),
    corsOrigins: parsed('PARLEY_CORS_ORIGINS', parseOriginList, read),
    rates: parsed('PARLEY_RATE_LIMITS', (text) => parseRates(text || ratesAbsent), read),
    domain: ifGiven('PARLEY_DOMAIN', parseDomain, read),
    tlsCertificate,
    tlsKey,
    signingAlgorithm: oneOf('PARLEY_SIGNING_ALGORITHM', ['ES256', 'RS256'], read),
    trustedIssuers: parsed('PARLEY_TRUSTED_ISSUERS', parseTrustedIssuers, read),
    signingKeyDays: daysFrom('PARLEY_SIGNING_KEY_DAYS', read),
    logLevel: oneOf('PARLEY_LOG_LEVEL', logLevels, read),
    showsRefusalReasons: oneOf('PARLEY_REFUSAL_REASONS', ['on', 'off'], read) === 'on',
    stopTimeoutMs: wholeNumber('PARLEY_STOP_TIMEOUT_MS', { min: 0, max: 600_000 }, read),
    hasCanary: oneOf('PARLEY_CANARY', ['on', 'off'], read) === 'on',
    ...sipFrom(read),
    workersCount: wholeNumber('PARLEY_WORKERS', { min: 1, max: 64 }, read),
    ...turnFrom(read),
  }
}

function natsServersFrom(text: string): Result<NatsServers, string> {
  const servers = parseNatsServers(text)
  return servers ? ok(servers) : fail('URLs that start with nats:// or tls://, with commas')
}
