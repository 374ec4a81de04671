import { fail, ok, type Result, scopeMask } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { createGather } from '../foundation/gather.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Resource } from '../resources/model.ts'
import { claimsFor, type TokenTerms } from './model.ts'
import type { TokenSigner } from './sign.ts'
import { type LedgerLine, type Recorded, recordTokens } from './store.ts'

/** One token to issue. */
export interface TokenAsk {
  /** On whose behalf: a person who exchanges a token has no access key. */
  readonly caller: Pick<ResourceCaller, 'resourceId' | 'accessKey'>
  readonly identityId: string
  readonly terms: TokenTerms
  /** What the application calls the device; absent where it does not say. */
  readonly device?: string | undefined
}

/** A token that was recorded and signed. */
export interface IssuedToken {
  /** Compact JWS. */
  readonly token: string
  readonly expiresAtMs: number
}

/**
 * Issues a token.
 *
 * @faults `identity-not-owned` - the resource has no such identity, or not any more;
 *   `caller-refused` - since the request was authenticated the access key was regenerated, the
 *   resource deleted or its subscription cancelled.
 */
export type IssueToken = (ask: TokenAsk) => Promise<Result<IssuedToken, Fault>>

/** What issuing needs. */
export interface TokenIssuer {
  readonly db: Database
  readonly platform: Platform
  readonly signer: TokenSigner
  /** `iss` of the tokens. */
  readonly issuer: string
  readonly findResource: (resourceId: string) => Resource | undefined
}

/**
 * Creates the function that issues tokens.
 *
 * What is asked in one turn becomes one statement that reads and records, then one loop that
 * signs: a P-256 signature reads a table of 150 KiB, which is cold after other work (76 us) and
 * warm in a loop (33 us).
 */
export function createIssueToken(world: TokenIssuer): IssueToken {
  const gather = createGather<TokenAsk, Result<IssuedToken, Fault>>({
    keyOf: (ask) => ask.caller.resourceId,
    answerAll: (resourceId, asks) => issueAll(world, resourceId, asks),
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return gather.ask
}

async function issueAll(
  world: TokenIssuer,
  resourceId: string,
  asks: readonly TokenAsk[],
): Promise<readonly Result<IssuedToken, Fault>[]> {
  const resource = world.findResource(resourceId)
  if (resource === undefined) {
    return asks.map(() => fail({ kind: 'caller-refused', reason: 'resource-deleted' }))
  }
  const lines = asks.map((ask) => ledgerLine(ask, world.platform.newGuid()))
  const nowMs = world.platform.now()
  const recorded = await recordTokens(world.db, resourceId, { lines, nowMs })
  return asks.map((ask, index) => {
    const tokenId = lines[index]?.tokenId ?? ''
    return answerFor(recorded[index], (generation) => {
      const { identityId, terms, caller } = ask
      const { issuer } = world
      const { accessKey } = caller
      const subject = { resource, identityId, generation, accessKey, tokenId, issuer }
      return {
        token: world.signer(claimsFor(subject, terms)),
        expiresAtMs: terms.window.expiresAtSeconds * 1000,
      }
    })
  })
}

function ledgerLine(ask: TokenAsk, tokenId: string): LedgerLine {
  const { identityId, caller, terms, device } = ask
  return {
    identityId,
    device,
    tokenId,
    scopeMask: scopeMask(terms.scopes),
    accessKey: caller.accessKey,
    ...terms.window,
  }
}

function answerFor(
  recorded: Recorded | undefined,
  issue: (generation: number) => IssuedToken,
): Result<IssuedToken, Fault> {
  switch (recorded?.kind) {
    case 'recorded':
      return ok(issue(recorded.generation))
    case 'access-key-superseded':
      return fail({ kind: 'caller-refused', reason: 'key-superseded' })
    case 'resource-deleted':
    case 'subscription-disabled':
      return fail({ kind: 'caller-refused', reason: recorded.kind })
    case 'identity-absent':
    case undefined:
      return fail({ kind: 'identity-not-owned' })
  }
}
