import { type Scope, scopes } from '@parley/protocol'
import { type IdentityVersion, isInRange, type VersionRange } from './versions.ts'

const joinScopes: VersionRange = { since: '2023-10-01' }
const fullScopes = scopes.filter((scope) => !scope.includes('.'))

/**
 * The scopes that exist in an api-version: `chat.join`, `chat.join.limited` and `voip.join` came
 * with 2023-10-01.
 *
 * @source ACS Identity 2021-03-07 and 2023-10-01, `CommunicationIdentityTokenScope`.
 */
export function scopesIn(version: IdentityVersion): readonly Scope[] {
  return isInRange(version, joinScopes) ? scopes : fullScopes
}
