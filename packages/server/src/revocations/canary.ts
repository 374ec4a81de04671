import { ok } from '@parley/protocol'
import type { SyncVerifier } from '@parley/verifier/node'
import { serverLimits } from '../contract/limits.ts'
import type { Database } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import type { Watched } from '../foundation/metrics.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Node } from '../nodes/node.ts'
import { createIssueToken, type IssueToken } from '../tokens/issue.ts'
import { claimsFor, type TokenTerms } from '../tokens/model.ts'
import type { TokenSigner } from '../tokens/sign.ts'
import {
  type CanaryFacts,
  type CanaryNotice,
  parseCanaryNotice,
  printCanaryNotice,
} from './canary-notice.ts'
import { type CanaryRecord, type CanaryStage, createCanaryRecord } from './canary-record.ts'
import { canaryResource, insertCanary, tellNodes } from './canary-store.ts'
import { startGenerations } from './store.ts'

/** Shows all the time that this installation issues, verifies and revokes. */
export interface Canary {
  /** Whether one has fared well lately, of this node or of another and seen here. */
  readonly isWell: () => boolean
  readonly watched: readonly Watched[]
  /** Ends it, after a round that may be under way. */
  readonly stop: () => Promise<void>
}

/** What a canary needs. */
export interface CanaryWorld {
  readonly db: Database
  readonly platform: Platform
  readonly log: Log
  readonly node: Pick<Node, 'feed' | 'isCurrent' | 'standing' | 'hear'>
  readonly verifier: SyncVerifier
  readonly sign: TokenSigner
  /** `iss` of the tokens. */
  readonly issuer: string
}

/** What the parts of a canary share. */
interface Cage extends CanaryWorld {
  readonly record: CanaryRecord
  readonly issueToken: IssueToken
  /** Whose tokens they are; each process has an identity of its own, made when it is needed. */
  identityId: string | undefined
  /** Tokens of other nodes that were accepted here, by their `jti`. */
  readonly witnessed: Map<string, string>
}

/**
 * Starts the canary.
 *
 * Each second the eldest node issues a token, tells the others, revokes it, and tells them that
 * this was confirmed; every node verifies it at both moments, as it verifies any token. Whoever has
 * seen none fare well for some seconds sends its own, so that an eldest node with a broken limb
 * takes no other node with it; and so does every node at its start.
 *
 * Its revocations are events like others, but no acts of anybody: the audit log has none of them.
 */
export async function startCanary(world: CanaryWorld): Promise<Canary> {
  const { db, platform, node, sign } = world
  const record = createCanaryRecord(platform.monotonicNow)
  const findResource = () => canaryResource
  const issueToken = createIssueToken({ ...world, signer: sign, findResource })
  const cage: Cage = { ...world, record, issueToken, identityId: undefined, witnessed: new Map() }
  node.hear((text) => {
    const notice = parseCanaryNotice(text)
    if (notice !== undefined) witness(cage, notice)
  })
  const tell = async (notice: CanaryNotice) => {
    if (node.standing().nodesCount > 1) await tellNodes(db, printCanaryNotice(notice))
  }
  let round: Promise<void> | undefined
  const send = () => {
    const isDue = node.standing().isEldest || record.ageMs() > serverLimits.canaryLateMs
    if (!isDue || round !== undefined) return
    round = sendOne(cage, tell).finally(() => {
      round = undefined
    })
  }
  const timer = setInterval(send, serverLimits.canaryIntervalMs)
  timer.unref()
  send()
  await round
  return {
    isWell: () => record.ageMs() <= serverLimits.canaryAgeMaxMs,
    watched: record.watched,
    async stop() {
      clearInterval(timer)
      await round
    },
  }
}

async function sendOne(cage: Cage, tell: (notice: CanaryNotice) => Promise<void>): Promise<void> {
  const { db, platform, node, verifier, record } = cage
  const startedAtMs = platform.monotonicNow()
  const wasWell = record.ageMs() <= serverLimits.canaryLateMs
  let stage: CanaryStage = 'issue'
  try {
    const { token, identityId } = await issue(cage)
    stage = 'accept'
    const before = verifier.verify(token)
    if (!before.ok) throw new Error(`it was refused: ${before.reason}`)
    const { jti: tokenId, gen: generation, iat, exp } = before.claims
    const times = { issuedAtSeconds: iat, expiresAtSeconds: exp }
    stage = 'revoke'
    await tell({ kind: 'live', tokenId, identityId, generation, ...times })
    const revoked = { identityIds: [identityId], atMs: platform.now() }
    const events = await startGenerations(db, canaryResource.resourceId, revoked)
    if (events.length === 0) throw gone(cage)
    await node.feed.publish(events)
    stage = 'refuse'
    const after = verifier.verify(token)
    const isCurrent = node.isCurrent()
    if (isCurrent && after.ok) throw new Error('it was accepted after its revocation')
    // Whatever goes wrong from here on, nothing void was accepted.
    stage = 'revoke'
    await tell({ kind: 'void', tokenId })
    stage = 'lease'
    if (!isCurrent) throw new Error('this node has no lease')
    record.passed(platform.monotonicNow() - startedAtMs)
  } catch (error) {
    record.failed(stage)
    // Once, not each second for as long as it lasts.
    if (wasWell || stage === 'refuse') cage.log.error({ err: error, stage }, 'a canary failed')
  }
}

/** Issues under the identity of this process; where another one took that away, under a new one. */
async function issue(cage: Cage): Promise<{ readonly token: string; readonly identityId: string }> {
  const { identityId } = cage
  const issued = await issueFor(cage, identityId ?? (await makeIdentity(cage)))
  const isGone = !issued.ok && issued.fault.kind === 'identity-not-owned'
  const final = isGone ? await issueFor(cage, await makeIdentity(cage)) : issued
  if (!final.ok) throw new Error(final.fault.kind)
  return final.value
}

async function makeIdentity(cage: Cage): Promise<string> {
  const { db, platform } = cage
  const identityId = platform.newGuid()
  const atMs = platform.now()
  await insertCanary(db, { subscriptionId: platform.newGuid(), identityId, atMs })
  cage.identityId = identityId
  return identityId
}

async function issueFor({ platform, issueToken }: Cage, identityId: string) {
  const issuedAtSeconds = Math.floor(platform.now() / 1000)
  const expiresAtSeconds = issuedAtSeconds + serverLimits.canaryLifetimeSeconds
  const terms = termsOf({ issuedAtSeconds, expiresAtSeconds })
  const caller = { resourceId: canaryResource.resourceId, accessKey: undefined }
  const issued = await issueToken({ caller, identityId, terms })
  return issued.ok ? ok({ token: issued.value.token, identityId }) : issued
}

/** The next canary gets another identity. */
function gone(cage: Cage): Error {
  cage.identityId = undefined
  return new Error('its identity is gone')
}

function termsOf(window: TokenTerms['window']): TokenTerms {
  return { scopes: ['chat'], window }
}

/** Verifies the canary of another node. A node without a lease says nothing: it answers 503. */
function witness(cage: Cage, notice: CanaryNotice): void {
  if (notice.kind === 'void') witnessVoid(cage, notice.tokenId)
  else if (notice.identityId !== cage.identityId) witnessLive(cage, notice)
}

function witnessLive(cage: Cage, facts: CanaryFacts): void {
  const { node, verifier, record, witnessed, log } = cage
  const token = signAgain(cage, facts)
  const verdict = verifier.verify(token)
  if (!node.isCurrent()) return
  if (verdict.ok) {
    remember(witnessed, facts.tokenId, token)
    return
  }
  // A node may have read of the revocation before it heard of the token.
  if (verdict.reason === 'void') return
  record.failed('accept')
  log.error({ reason: verdict.reason }, 'this node refuses the canary of another one')
}

function witnessVoid(cage: Cage, tokenId: string): void {
  const { node, verifier, record, witnessed, log } = cage
  const token = witnessed.get(tokenId)
  if (token === undefined) return
  witnessed.delete(tokenId)
  const { ok: isAccepted } = verifier.verify(token)
  if (!node.isCurrent()) return
  if (!isAccepted) {
    record.witnessed()
    return
  }
  record.failed('refuse')
  log.error({}, 'this node accepts a canary after its revocation was confirmed')
}

function signAgain({ sign, issuer }: Cage, facts: CanaryFacts): string {
  const { identityId, generation, tokenId, issuedAtSeconds, expiresAtSeconds } = facts
  const subject = { resource: canaryResource, identityId, generation, tokenId, issuer }
  const terms = termsOf({ issuedAtSeconds, expiresAtSeconds })
  return sign(claimsFor({ ...subject, accessKey: undefined }, terms))
}

/** Keeps the last few: whoever sends one may die before it says that it is void. */
function remember(witnessed: Map<string, string>, tokenId: string, token: string): void {
  witnessed.set(tokenId, token)
  for (const [oldest] of witnessed) {
    if (witnessed.size <= serverLimits.canariesWitnessedMax) return
    witnessed.delete(oldest)
  }
}
