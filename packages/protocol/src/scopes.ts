/**
 * What an access token opens. Chat and calling each have a full scope and narrower ones for
 * people who may join but not start or administer.
 *
 * @source ACS Identity 2023-10-01, `CommunicationIdentityTokenScope`.
 */
export type Scope = 'chat' | 'voip' | 'chat.join' | 'chat.join.limited' | 'voip.join'

/** Every scope, in the order in which tokens and answers list them. */
export const scopes: readonly Scope[] = [
  'chat',
  'voip',
  'chat.join',
  'chat.join.limited',
  'voip.join',
]

/** Says whether `text` names a scope; names are lower case and compared exactly. */
export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text)
}

/**
 * Packs a set of scopes into an integer, one bit for each in the order of `scopes`.
 *
 * @returns 0..31; 0 for no scope.
 */
export function scopeMask(granted: readonly Scope[]): number {
  let mask = 0
  for (const scope of granted) mask |= 1 << scopes.indexOf(scope)
  return mask
}

/** The scopes packed in `mask`, each once, in the order of `scopes`. */
export function scopesInMask(mask: number): readonly Scope[] {
  return scopes.filter((_, bit) => (mask & (1 << bit)) !== 0)
}

/**
 * Reads the `acsScope` claim: scopes joined by commas.
 *
 * @returns the scopes, or `undefined` when the text is empty or names something else.
 */
export function parseScopeClaim(text: string): readonly Scope[] | undefined {
  const names = text.split(',')
  return names.every(isScope) ? names : undefined
}
