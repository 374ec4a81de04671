import { Invalid, ifGiven, parsed, type Read } from './setting-values.ts'
import type { Settings } from './settings.ts'
import { parseCommandLines, parseTurnRealm, parseTurnUrls } from './turn-place.ts'

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
