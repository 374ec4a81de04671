import { fail, ok, type Result } from '@parley/protocol'
import { Invalid, ifGiven, type Read } from './setting-values.ts'
import type { SettingRow } from './settings.ts'

/** Its settings. */
export const livekitRows = [
  {
    name: 'PARLEY_LIVEKIT_URL',
    defaultText: undefined,
    meaning: 'LiveKit that carries calls of groups: `wss://host`.',
  },
  {
    name: 'PARLEY_LIVEKIT_API_KEY',
    defaultText: undefined,
    meaning: 'Name of a key of that LiveKit.',
  },
  {
    name: 'PARLEY_LIVEKIT_API_SECRET',
    defaultText: undefined,
    meaning: 'That key.',
  },
] as const satisfies readonly SettingRow[]

/** A LiveKit server, and the key that opens it. */
export interface LivekitPlace {
  /** Origin that this server asks, `https://...` or `http://...`. */
  readonly url: string
  /** Address that clients connect to, `wss://...` or `ws://...`. */
  readonly clientUrl: string
  readonly apiKey: string
  readonly apiSecret: string
}

/** Where LiveKit is, by the settings; `undefined` where they name none. */
export function livekitFrom(read: Read): LivekitPlace | undefined {
  const addresses = ifGiven('PARLEY_LIVEKIT_URL', parseLivekitUrl, read)
  const [apiKey, apiSecret] = [read('PARLEY_LIVEKIT_API_KEY'), read('PARLEY_LIVEKIT_API_SECRET')]
  const isComplete = (value: string | undefined) =>
    (value === undefined) === (addresses === undefined)
  if (!isComplete(apiKey)) {
    throw new Invalid('PARLEY_LIVEKIT_API_KEY', 'set exactly when PARLEY_LIVEKIT_URL is')
  }
  if (!isComplete(apiSecret)) {
    throw new Invalid('PARLEY_LIVEKIT_API_SECRET', 'set exactly when PARLEY_LIVEKIT_URL is')
  }
  if (addresses === undefined) return undefined
  return { ...addresses, apiKey: apiKey ?? '', apiSecret: apiSecret ?? '' }
}

/** Reads the address of a LiveKit server: of `wss` and `https` each means the other too. */
export function parseLivekitUrl(
  text: string,
): Result<Pick<LivekitPlace, 'url' | 'clientUrl'>, string> {
  const expected = 'one URL, wss://host or ws://host:port, without path'
  const url = URL.canParse(text) ? new URL(text) : undefined
  const [, secure] = /^(?:ws|http)(s?):$/.exec(url?.protocol ?? '') ?? []
  if (url === undefined || secure === undefined) return fail(expected)
  const isBare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (!isBare) return fail(expected)
  return ok({ url: `http${secure}://${url.host}`, clientUrl: `ws${secure}://${url.host}` })
}
