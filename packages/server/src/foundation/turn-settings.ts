import { Invalid, ifGiven, parsed, type Read } from './setting-values.ts'
import type { Settings } from './settings.ts'
import { parseCommandLines, parseTurnRealm, parseTurnUrls } from './turn-place.ts'

/** The settings of relays. */
export const turnRows = [
  {
    name: 'PARLEY_TURN_URLS',
    defaultText: undefined,
    meaning:
      'Relays for calls, coturn, with commas: `turn:host:3478,turns:host:443?transport=tcp`.',
  },
  {
    name: 'PARLEY_TURN_REALM',
    defaultText: 'parley',
    meaning: 'The `realm` that those relays are set to.',
  },
  {
    name: 'PARLEY_TURN_CLI',
    defaultText: undefined,
    meaning:
      'Where their command lines listen, `host:port` with commas; absent: no session is ended.',
  },
  {
    name: 'PARLEY_TURN_CLI_PASSWORD',
    defaultText: undefined,
    meaning: 'The `cli-password` of those relays.',
  },
] as const

/** Reads what settings say of relays. */
export function turnFrom(
  read: Read,
): Pick<Settings, 'turnUrls' | 'turnRealm' | 'turnCli' | 'turnCliPassword'> {
  const turnUrls = ifGiven('PARLEY_TURN_URLS', parseTurnUrls, read)
  const turnCli = ifGiven('PARLEY_TURN_CLI', parseCommandLines, read)
  const turnCliPassword = read('PARLEY_TURN_CLI_PASSWORD')
  if (turnCli !== undefined && turnUrls === undefined) {
    throw new Invalid('PARLEY_TURN_CLI', 'set only where PARLEY_TURN_URLS is')
  }
  if ((turnCli === undefined) !== (turnCliPassword === undefined)) {
    throw new Invalid('PARLEY_TURN_CLI_PASSWORD', 'set exactly when PARLEY_TURN_CLI is')
  }
  const turnRealm = parsed('PARLEY_TURN_REALM', parseTurnRealm, read)
  return { turnUrls, turnRealm, turnCli, turnCliPassword }
}
