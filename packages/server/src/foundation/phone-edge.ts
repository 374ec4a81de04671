import { fail, ok, type Result } from '@parley/protocol'

/** The SIP server that stands between Janus and the trunks, and the account of this server there. */
export interface SipEdge {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Empty: the edge knows Janus by its address. */
  readonly password: string
}

/** Reads the account at the edge: `sip:user:password@host:port`. @faults what it must be. */
export function parseSipEdge(text: string): Result<SipEdge, string> {
  const found = /^sip:([\w.-]+)(?::([^@]*))?@([\w.-]+)(?::([0-9]{1,5}))?$/.exec(text)
  const port = Number(found?.[4] ?? 5060)
  if (found === null || port < 1 || port > 65_535) return fail('sip:user:password@host:port')
  const [, user = '', password = '', host = ''] = found
  return ok({ user, password: decodeURIComponent(password), host, port })
}

/** Reads the URL of a Janus. @faults what it must be. */
export function parseJanusUrl(text: string): Result<string, string> {
  return /^wss?:\/\//.test(text) && URL.canParse(text) ? ok(text) : fail('a URL ws:// or wss://')
}
