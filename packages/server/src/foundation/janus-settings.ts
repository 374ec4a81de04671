import { fail, ok, type Result } from '@parley/protocol'
import { Invalid, ifGiven, type Read } from './setting-values.ts'
import type { SettingName, SettingRow } from './settings.ts'

/** Its settings. */
export const janusRows = [
  {
    name: 'PARLEY_JANUS_URLS',
    defaultText: undefined,
    meaning: 'Januses that carry calls of groups, with commas: `ws://10.0.0.5:8188`.',
  },
  {
    name: 'PARLEY_JANUS_API_SECRET',
    defaultText: undefined,
    meaning: '`api_secret` of those Januses.',
  },
  {
    name: 'PARLEY_JANUS_ADMIN_KEY',
    defaultText: undefined,
    meaning: '`admin_key` of their plugins `audiobridge` and `videoroom`.',
  },
  {
    name: 'PARLEY_JANUS_ADMIN_URLS',
    defaultText: undefined,
    meaning: 'Administration of those Januses, in their order: `ws://10.0.0.5:7188`.',
  },
  {
    name: 'PARLEY_JANUS_ADMIN_SECRET',
    defaultText: undefined,
    meaning: '`admin_secret` of those Januses.',
  },
] as const satisfies readonly SettingRow[]

/** Where Januses are, and what they want to be told. */
export interface JanusPlace {
  readonly servers: readonly { readonly url: string; readonly adminUrl: string | undefined }[]
  readonly apiSecret: string
  readonly adminKey: string
  readonly adminSecret: string | undefined
}

/** Where Januses are, by the settings; `undefined` where they name none. */
export function janusFrom(read: Read): JanusPlace | undefined {
  const urls = ifGiven('PARLEY_JANUS_URLS', parseSocketUrls, read)
  const adminUrls = ifGiven('PARLEY_JANUS_ADMIN_URLS', parseSocketUrls, read)
  const [apiSecret, adminKey] = [read('PARLEY_JANUS_API_SECRET'), read('PARLEY_JANUS_ADMIN_KEY')]
  const adminSecret = read('PARLEY_JANUS_ADMIN_SECRET')
  requirePair('PARLEY_JANUS_API_SECRET', [apiSecret, urls], 'PARLEY_JANUS_URLS')
  requirePair('PARLEY_JANUS_ADMIN_KEY', [adminKey, urls], 'PARLEY_JANUS_URLS')
  requirePair('PARLEY_JANUS_ADMIN_SECRET', [adminSecret, adminUrls], 'PARLEY_JANUS_ADMIN_URLS')
  if (adminUrls !== undefined && adminUrls.length !== urls?.length) {
    throw new Invalid('PARLEY_JANUS_ADMIN_URLS', 'as many as PARLEY_JANUS_URLS')
  }
  if (urls === undefined) return undefined
  return {
    servers: urls.map((url, place) => ({ url, adminUrl: adminUrls?.[place] })),
    ...{ apiSecret: apiSecret ?? '', adminKey: adminKey ?? '', adminSecret },
  }
}

function requirePair(
  name: SettingName,
  [one, other]: readonly [unknown, unknown],
  otherName: SettingName,
): void {
  if ((one === undefined) === (other === undefined)) return
  throw new Invalid(name, `set exactly when ${otherName} is`)
}

/** Reads addresses of WebSockets, with commas, each once. */
export function parseSocketUrls(text: string): Result<readonly string[], string> {
  const urls = text.split(',').map((one) => one.trim())
  const isGood = (one: string) => {
    const url = URL.canParse(one) ? new URL(one) : undefined
    return /^wss?:$/.test(url?.protocol ?? '') && url?.username === '' && url.hash === ''
  }
  const isOnce = new Set(urls).size === urls.length
  return urls.every(isGood) && isOnce
    ? ok(urls)
    : fail('URLs that start with ws:// or wss://, with commas, each once')
}
