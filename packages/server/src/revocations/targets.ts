import type { RevocationEvent } from '@parley/protocol'
import type { AuditAct } from '../audit/model.ts'
import { appendAudit } from '../audit/store.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { Queries } from '../database/connect.ts'
import type { Confirmation } from '../events/feed.ts'
import type { VoidingRoom } from '../identities/voiding.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import type { Aim } from './model.ts'
import { startGenerations } from './store.ts'
import {
  denyTokens,
  findIdentityIds,
  findLedgerTokens,
  type IssueWindow,
  type LedgerToken,
  listIssuedBefore,
} from './target-store.ts'

/** What became of a target. */
export interface TargetOutcome {
  readonly status: 'revoked' | 'unknown' | 'invalid'
  /** The last number in the log that this target has; absent where it needed none. */
  readonly seq: number | undefined
}

/** What became of all targets, and when every node knew. */
export interface TargetOutcomes extends Confirmation {
  /** In the order of the aims. */
  readonly outcomes: readonly TargetOutcome[]
}

/** A call that voids targets. */
export interface TargetCall {
  readonly caller: ResourceCaller
  readonly resource: Resource
  readonly requestId: string
  readonly aims: readonly Aim[]
  readonly operation: string
}

/**
 * Voids targets and answers when every node knows.
 *
 * One transaction takes the identities, the tokens named and the entries of the audit log, and the
 * first few thousand tokens of the windows of issue. Where these hold more, the others follow in
 * transactions of that size, so that the end of the log is never held for long; if one of them
 * fails the call fails, and repeating it does all of it again, which changes nothing twice.
 */
export async function voidAims(room: VoidingRoom, call: TargetCall): Promise<TargetOutcomes> {
  const confirmations: Promise<Confirmation>[] = []
  const seqs = new Map<string, number>()
  const publish = (events: readonly RevocationEvent[]) => {
    for (const { kind, subject, seq } of events) seqs.set(`${kind} ${subject}`, seq)
    confirmations.push(room.feed.publish(events))
  }
  const first = await room.db.begin((transaction) => voidFirst(transaction, call, room.now()))
  publish(first.events)
  const windowSeqs = new Map<Aim, number>()
  let batch = first.batch
  for (;;) {
    for (const { aim, tokens } of batch.taken) {
      const last = tokens.map(({ tokenId }) => seqs.get(`token ${tokenId}`) ?? 0)
      windowSeqs.set(aim, Math.max(windowSeqs.get(aim) ?? 0, ...last))
    }
    if (batch.open.length === 0) break
    const { resourceId } = call.caller
    const { open } = batch
    const next = await room.db.begin(async (transaction) => {
      const taken = await takeWindows(transaction, resourceId, { open, nowMs: room.now() })
      return { batch: taken, events: await denyTokens(transaction, resourceId, distinct(taken)) }
    })
    publish(next.events)
    batch = next.batch
  }
  const outcomes = call.aims.map((aim) => outcomeOf(aim, { first, seqs, windowSeqs }))
  const confirmed = await Promise.all(confirmations)
  const seq = Math.max(...confirmed.map((one) => one.seq))
  const confirmedAtMs = Math.max(...confirmed.map((one) => one.confirmedAtMs))
  return { outcomes, seq, confirmedAtMs }
}

/** A window of issue, and how far it was followed. */
interface OpenWindow extends IssueWindow {
  readonly aim: Aim
}

/** What was taken from the windows at once. */
interface WindowBatch {
  readonly taken: readonly { readonly aim: Aim; readonly tokens: readonly LedgerToken[] }[]
  /** Those that may hold more. */
  readonly open: readonly OpenWindow[]
}

interface FirstRound {
  readonly events: readonly RevocationEvent[]
  /** Which of the identities with a window exist. */
  readonly existing: ReadonlySet<string>
  readonly batch: WindowBatch
}

/** What is read comes before what is numbered, and the audit log last. */
async function voidFirst(db: Queries, call: TargetCall, atMs: number): Promise<FirstRound> {
  const { aims, caller } = call
  const { resourceId } = caller
  const windows = aims.flatMap((aim) =>
    aim.kind === 'issued-before' ? [{ ...aim, aim, afterTokenId: undefined }] : [],
  )
  const existing =
    windows.length === 0
      ? new Set<string>()
      : await findIdentityIds(db, resourceId, [...new Set(windows.map((one) => one.identityId))])
  const open = windows.filter(({ identityId }) => existing.has(identityId))
  const batch = await takeWindows(db, resourceId, { open, nowMs: atMs })
  const tokenIds = aims.flatMap((aim) => (aim.kind === 'token' ? [aim.tokenId] : []))
  const named =
    tokenIds.length === 0 ? [] : await findLedgerTokens(db, resourceId, { tokenIds, nowMs: atMs })
  const asked = aims.flatMap((aim) => (aim.kind === 'identity' ? [aim.identityId] : []))
  const identityIds = [...new Set(asked)]
  const started =
    identityIds.length === 0 ? [] : await startGenerations(db, resourceId, { identityIds, atMs })
  const denied = await denyTokens(db, resourceId, distinct(batch, named))
  const kinds = [
    ...(started.length > 0 ? ['identity'] : []),
    ...(open.length > 0 ? ['issuedBefore'] : []),
    ...(named.length > 0 ? ['token'] : []),
  ]
  await appendAudit(
    db,
    kinds.map((kind) => actOf(call, kind, atMs)),
  )
  return { events: [...started, ...denied], existing, batch }
}

/** Says that tokens were voided and not whose: see the essay of `voiding.ts` of identities. */
function actOf(call: TargetCall, kind: string, atMs: number): AuditAct {
  const { caller, resource, requestId, operation } = call
  const { actor, resourceId } = caller
  const target = printResourcePath(resource)
  return { actor, operation: `${operation}/${kind}`, target, resourceId, requestId, atMs }
}

async function takeWindows(
  db: Queries,
  resourceId: string,
  { open, nowMs }: { readonly open: readonly OpenWindow[]; readonly nowMs: number },
): Promise<WindowBatch> {
  if (open.length === 0) return { taken: [], open: [] }
  const eachMax = Math.ceil(serverLimits.tokensDeniedAtOnceMax / open.length)
  const lists = await listIssuedBefore(db, resourceId, { windows: open, eachMax, nowMs })
  const taken = open.map(({ aim }, index) => ({ aim, tokens: lists[index] ?? [] }))
  const stillOpen = open.flatMap((one, index) => {
    const tokens = lists[index] ?? []
    return tokens.length < eachMax ? [] : [{ ...one, afterTokenId: tokens.at(-1)?.tokenId }]
  })
  return { taken, open: stillOpen }
}

/** Two targets may mean the same token; it is denied once. */
function distinct(batch: WindowBatch, named: readonly LedgerToken[] = []): readonly LedgerToken[] {
  const all = [...batch.taken.flatMap(({ tokens }) => tokens), ...named]
  return [...new Map(all.map((token) => [token.tokenId, token])).values()]
}

function outcomeOf(
  aim: Aim,
  done: {
    readonly first: FirstRound
    readonly seqs: ReadonlyMap<string, number>
    readonly windowSeqs: ReadonlyMap<Aim, number>
  },
): TargetOutcome {
  switch (aim.kind) {
    case 'nothing':
      return { status: aim.status, seq: undefined }
    case 'identity':
      return foundAt(done.seqs.get(`identity ${aim.identityId}`))
    case 'token':
      return foundAt(done.seqs.get(`token ${aim.tokenId}`))
    case 'issued-before': {
      if (!done.first.existing.has(aim.identityId)) return { status: 'unknown', seq: undefined }
      return { status: 'revoked', seq: done.windowSeqs.get(aim) || undefined }
    }
  }
}

function foundAt(seq: number | undefined): TargetOutcome {
  return { status: seq === undefined ? 'unknown' : 'revoked', seq }
}
