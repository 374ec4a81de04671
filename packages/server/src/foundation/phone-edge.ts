import { fail, ok, type Result } from '@parley/protocol'
import { Invalid, ifGiven } from './setting-values.ts'
import type { SettingName, SettingRow } from './settings.ts'

/** The SIP server between Janus and the trunks, and the account of this server there. */
export interface SipEdge {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Empty: the edge knows Janus by its address. */
  readonly password: string
}

/** Reads the account at the edge: `sip:user:password@host:port`. @faults what it must be. */
function parseSipEdge(text: string): Result<SipEdge, string> {
  const found = /^sip:([\w.-]+)(?::([^@]*))?@([\w.-]+)(?::([0-9]{1,5}))?$/.exec(text)
  const port = Number(found?.[4] ?? 5060)
  if (found === null || port < 1 || port > 65_535) return fail('sip:user:password@host:port')
  const [, user = '', password = '', host = ''] = found
  return ok({ user, password: decodeURIComponent(password), host, port })
}

/** Reads the URL of a Janus. @faults what it must be. */
function parseJanusUrl(text: string): Result<string, string> {
  return /^wss?:\/\//.test(text) && URL.canParse(text) ? ok(text) : fail('a URL ws:// or wss://')
}

/** The way to phones; all three are there, or none. */
export interface SipSettings {
  readonly sipEdge: SipEdge | undefined
  readonly sipJanusUrl: string | undefined
  readonly sipJanusSecret: string | undefined
}

/** Its settings. */
export const sipRows = [
  {
    name: 'PARLEY_SIP_EDGE',
    defaultText: undefined,
    meaning: 'Account at the SIP server before trunks: `sip:user:password@host:port`, for phones.',
  },
  {
    name: 'PARLEY_SIP_JANUS_URL',
    defaultText: undefined,
    meaning: 'WebSocket of the Janus with the SIP plugin.',
  },
  {
    name: 'PARLEY_SIP_JANUS_SECRET',
    defaultText: undefined,
    meaning: '`api_secret` of that Janus.',
  },
] as const satisfies readonly SettingRow[]

/** Reads the way to phones. */
export function sipFrom(read: (name: SettingName) => string | undefined): SipSettings {
  const sipEdge = ifGiven('PARLEY_SIP_EDGE', parseSipEdge, read)
  const sipJanusUrl = ifGiven('PARLEY_SIP_JANUS_URL', parseJanusUrl, read)
  const sipJanusSecret = read('PARLEY_SIP_JANUS_SECRET')
  const given = [sipEdge, sipJanusUrl, sipJanusSecret].filter((one) => one !== undefined)
  if (given.length % 3 !== 0) {
    throw new Invalid('PARLEY_SIP_EDGE', 'set together with the two PARLEY_SIP_JANUS_ settings')
  }
  return { sipEdge, sipJanusUrl, sipJanusSecret }
}
