/**
 * The clinic's tokens: kept sealed in its database, and forgotten when Parley says that they are
 * void. Parley says so on its feed, which a verifier follows; what was voided while the app was
 * not running, the verifier finds when the token is handed out.
 */
import {
  createTokenCache,
  type IdentityService,
  sqlStore,
  type Token,
  type TokenRequest,
} from '@parley/trusted-service'
import { createVerifier, fetchJwks, followRevocations } from '@parley/verifier'
import type { Settings } from '../serving/settings.ts'
import type { Db } from './database.ts'
import type { Secrets } from './secrets.ts'

/** Tokens that live when they are handed out. */
export interface ClinicTokens {
  readonly tokenFor: (request: TokenRequest) => Promise<Token>
  readonly forgetIdentity: (identity: string) => Promise<void>
  readonly removeExpired: (nowMs: number) => Promise<unknown>
  readonly close: () => Promise<void>
}

/** What tokens need. */
export interface ClinicTokensOptions {
  readonly settings: Settings
  readonly service: IdentityService
  readonly db: Db
  readonly secrets: Secrets
}

/** Opens the cache and follows the feed. */
export async function openTokens(options: ClinicTokensOptions): Promise<ClinicTokens> {
  const { settings, service, db, secrets } = options
  const store = sqlStore({ db, dialect: 'sqlite' })
  const cacheSecrets = [{ id: 'first', secret: secrets.cacheSecret }]
  const onFault = (error: unknown) => console.error(error)
  const cache = createTokenCache({ service, store, secrets: cacheSecrets, onFault })
  const keys = await fetchJwks({ url: settings.jwksUrl })
  if (!keys.ok) throw new Error(`Parley publishes no keys: ${keys.fault.kind}`)
  const issuer = new URL(settings.jwksUrl).origin
  const verifier = createVerifier({ keys: keys.value, issuer })
  const following = followRevocations({
    endpoint: settings.endpoint,
    accessKey: settings.accessKey,
    verifier: {
      replaceKeys: verifier.replaceKeys,
      trustUntil: verifier.trustUntil,
      beginSnapshot: verifier.beginSnapshot,
      apply: (cutOff) => {
        verifier.apply(cutOff)
        cache.forget(cutOff).catch(onFault)
      },
    },
  })
  await following.ready
  return {
    tokenFor: async (request) => {
      const token = await cache.tokenFor(request)
      const verdict = await verifier.verify(token.token)
      if (verdict.ok || verdict.reason !== 'void') return token
      await cache.forgetToken(token.token)
      return cache.tokenFor(request)
    },
    forgetIdentity: cache.forgetIdentity,
    removeExpired: store.removeExpired,
    close: async () => {
      following.close()
      await cache.settled()
    },
  }
}
