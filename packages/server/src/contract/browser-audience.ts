/**
 * Whose pages may call an operation, as a resource sets it: those of its users, who come with
 * access tokens, or those of its owner. What anybody may read anywhere is for `anybody`.
 */
export type BrowserAudience = 'users' | 'owners' | 'anybody'
