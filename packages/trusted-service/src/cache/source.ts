import { type IdentityService, type IssuedToken, timed } from '../service.ts'
import type { TokenRequest } from './model.ts'

/** A token that is handed out. */
export interface Token {
  readonly token: string
  readonly expiresAtMs: number
}

/** Gives tokens; the cache is one, and so is the service without it (`uncachedTokens`). */
export interface TokenSource {
  /** A token with exactly these scopes. Rejects with what the service's client threw. */
  tokenFor(request: TokenRequest): Promise<Token>
}

/** Tokens straight from the service, a new one each time. */
export function uncachedTokens(service: IdentityService): TokenSource {
  return {
    tokenFor: async (request) => {
      const { token, expiresOn } = await issue(service, request)
      return { token, expiresAtMs: expiresOn.getTime() }
    },
  }
}

/** Asks the service for a token. */
export function issue(service: IdentityService, request: TokenRequest): Promise<IssuedToken> {
  const { identity, scopes, lifetimeMinutes } = request
  const options = { ...timed(), tokenExpiresInMinutes: lifetimeMinutes }
  return service.getToken({ communicationUserId: identity }, [...scopes], options)
}
