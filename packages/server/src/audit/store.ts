import { serverLimits } from '../contract/limits.ts'
import type { Queries } from '../database/connect.ts'
import type { AuditAct, AuditEntry } from './model.ts'

const { auditFieldCharactersMax } = serverLimits

/** Whatever is no character of a line: breaks, other controls, halves of surrogate pairs. */
const notOfLine = /[\p{Cc}\p{Cs}\u2028\u2029]/gu

/**
 * Actors name subjects of foreign issuers: what could break a line is taken out. It is cut first,
 * because the cut may halve a pair, and a half would be stored as something else.
 */
function oneLine(text: string): string {
  return text.slice(0, auditFieldCharactersMax).replaceAll(notOfLine, ' ')
}

/**
 * Appends acts to the audit log. Run it last in the transaction of what it tells: it locks the end
 * of the chain until the commit.
 *
 * The hash is made by the database of the very values that are stored, under the lock. Rejected:
 * reading the end, hashing in Node and writing; that holds the lock for one more round trip, and
 * every writer waits for it.
 */
export async function appendAudit(db: Queries, acts: readonly AuditAct[]): Promise<void> {
  if (acts.length === 0) return
  await db`
    select append_audit(
      ${acts.map((act) => String(act.atMs))}::text[]::bigint[],
      ${acts.map((act) => oneLine(act.actor))}::text[],
      ${acts.map((act) => act.operation)}::text[],
      ${acts.map((act) => oneLine(act.target))}::text[],
      ${acts.map((act) => act.resourceId ?? '')}::text[],
      ${acts.map((act) => oneLine(act.requestId))}::text[]
    )
  `
}

/** An act on one subject of a resource, told of with others of the same instant. */
export interface VoidingAct extends Pick<AuditAct, 'actor' | 'operation' | 'requestId'> {
  /** Id of an identity; the entry does not hold it. */
  readonly subject: string
}

/**
 * The same as the end of a statement that voids: members of its `with`, after
 * `cut_off (subject, generation)` and `appended`. Of the acts, those are entered whose subject was
 * cut off. `audited` must be read by the statement: what nothing reads, PostgreSQL leaves out.
 *
 * The chain is locked when everything before it is done, since `audited` asks for `appended` first.
 */
export function auditCutOffs(
  db: Queries,
  told: Pick<AuditAct, 'target' | 'atMs'> & {
    readonly resourceId: string
    readonly acts: readonly VoidingAct[]
  },
): ReturnType<typeof db> {
  const { acts } = told
  return db`
    act as (
      select actor, operation, request_id
      from unnest(
        ${acts.map(({ actor }) => oneLine(actor))}::text[],
        ${acts.map(({ operation }) => operation)}::text[],
        ${acts.map(({ requestId }) => oneLine(requestId))}::text[],
        ${acts.map(({ subject }) => subject)}::uuid[]
      ) with ordinality as asked (actor, operation, request_id, subject, position)
      where subject in (select subject from cut_off)
      order by position
    ),
    audited as (
      select append_audit(
        array_agg(${told.atMs}::bigint),
        array_agg(actor),
        array_agg(operation),
        array_agg(${oneLine(told.target)}::text),
        array_agg(${told.resourceId}::text),
        array_agg(request_id)
      ) as entries
      from act
      having (select count(*) from appended) > 0
    )
  `
}

/**
 * Lists entries in their order.
 *
 * @param asked.afterSeq - 0 for the beginning.
 * @param asked.resourceId - absent: those of all resources, without gaps.
 */
export async function listAuditEntries(
  db: Queries,
  asked: {
    readonly afterSeq: number
    readonly entriesMax: number
    readonly resourceId: string | undefined
  },
): Promise<readonly AuditEntry[]> {
  const { afterSeq, entriesMax, resourceId } = asked
  const confined = resourceId === undefined ? db`` : db`and resource_id = ${resourceId}`
  const rows = await db<AuditRow[]>`
    select seq, at_ms, actor, operation, target, resource_id, request_id, previous_hash, hash
    from audit_entry
    where seq > ${afterSeq} ${confined}
    order by seq
    limit ${entriesMax}
  `
  return rows.map((row) => ({
    seq: Number(row.seq),
    atMs: Number(row.at_ms),
    actor: row.actor,
    operation: row.operation,
    target: row.target,
    resourceId: row.resource_id ?? undefined,
    requestId: row.request_id,
    previousHash: row.previous_hash.toString('hex'),
    hash: row.hash.toString('hex'),
  }))
}

interface AuditRow {
  readonly seq: string | number
  readonly at_ms: string | number
  readonly actor: string
  readonly operation: string
  readonly target: string
  readonly resource_id: string | null
  readonly request_id: string
  readonly previous_hash: Buffer
  readonly hash: Buffer
}
