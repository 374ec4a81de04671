/**
 * The doctor: what the mapping says, beside what the service has.
 *
 * People edit tables, restore backups, delete identities in a portal, point a staging app at the
 * wrong resource. Each finding says what was seen and where; none is mended before somebody has
 * asked for it, and mending looks again first.
 *
 * The public protocol can neither list identities nor, in its stable versions, read one. That an
 * identity is there is seen by asking for the least of tokens and throwing it away; who can ask in
 * a better way, or has a list of all identities, hands it in.
 */
import { meansGone, timed } from '../service.ts'
import type { MappingContext } from './context.ts'
import { leaveIdentity, payDebtsOf } from './erasure.ts'
import type { Link } from './links.ts'
import { patternRules } from './model.ts'
import {
  findIdentityRow,
  insertIdentity,
  isAnyReserved,
  lockIdentity,
  owe,
  pageIdentities,
  recordedAmong,
} from './store.ts'
import { inTransaction } from './transactions.ts'

/** Something that does not agree. */
export type Finding =
  /** A link to an identity that the service does not have. Mended by taking the link away. */
  | { readonly kind: 'dead-link'; readonly link: Link }
  /** A link whose identity the mapping has no row of: written by hand. Mended by adding the row. */
  | { readonly kind: 'unrecorded'; readonly link: Link }
  /** An identity with several links where the pattern allows one. People decide whose it is. */
  | { readonly kind: 'double'; readonly identity: string; readonly links: readonly Link[] }
  /** An identity that nobody is linked to and no visitor has. Mended by deleting it. */
  | { readonly kind: 'orphan'; readonly identity: string }
  /**
   * An identity that the service has and the mapping does not know. Mended by deleting it, while
   * nobody is creating one. Another app on the same resource has identities that look so.
   */
  | { readonly kind: 'stray'; readonly identity: string }

/** How the service is looked at. */
export interface ExamineOptions {
  /** Says whether the service has an identity. Default: asks for a token and throws it away. */
  readonly isThere?: (identity: string) => Promise<boolean>
  /** All identities that the service has, from where they can be listed. Default: not compared. */
  readonly all?: AsyncIterable<string> | Iterable<string>
}

const pageSize = 200
const linksShown = 10

/** Walks through links, identities and, where it is known, what the service has. */
export async function* examineMapping(
  context: MappingContext,
  options: ExamineOptions,
): AsyncGenerator<Finding> {
  yield* examineLinks(context, options.isThere ?? ((identity) => probe(context, identity)))
  yield* examineIdentities(context)
  for await (const identity of options.all ?? []) {
    if (await isStray(context, identity)) yield { kind: 'stray', identity }
  }
}

async function* examineLinks(
  context: MappingContext,
  isThere: (identity: string) => Promise<boolean>,
): AsyncGenerator<Finding> {
  const { db, links, pattern } = context
  const { isShared } = patternRules(pattern)
  let after: Link | undefined
  for (;;) {
    const page = await links.page(db, after, pageSize)
    const recorded = await recordedAmong(
      db,
      page.map(({ identity }) => identity),
    )
    for (const link of page) {
      const { identity } = link
      if (!recorded.has(identity)) yield { kind: 'unrecorded', link }
      if (!(await isThere(identity))) yield { kind: 'dead-link', link }
      if (isShared) continue
      const all = await links.toIdentity(db, identity, linksShown)
      // Once for each identity: at the first of its links.
      const [first] = all
      const isFirst = first?.user === link.user && first.slot === link.slot
      if (all.length > 1 && isFirst) yield { kind: 'double', identity, links: all }
    }
    after = page.at(-1)
    if (page.length < pageSize) return
  }
}

async function* examineIdentities(context: MappingContext): AsyncGenerator<Finding> {
  const { db } = context
  let after = ''
  for (;;) {
    const page = await pageIdentities(db, after, pageSize)
    for (const row of page) {
      const identity = row.identity_id
      after = identity
      if (await isOrphan(context, identity)) yield { kind: 'orphan', identity }
    }
    if (page.length < pageSize) return
  }
}

async function isOrphan({ db, links }: MappingContext, identity: string): Promise<boolean> {
  const row = await findIdentityRow(db, identity)
  if (row === undefined || row.owed === 'deletion' || row.visitor_until_ms !== null) return false
  return (await links.toIdentity(db, identity, 1)).length === 0
}

async function isStray({ db, links }: MappingContext, identity: string): Promise<boolean> {
  if ((await findIdentityRow(db, identity)) !== undefined) return false
  return (await links.toIdentity(db, identity, 1)).length === 0
}

async function probe({ service }: MappingContext, identity: string): Promise<boolean> {
  try {
    const options = { ...timed(), tokenExpiresInMinutes: 60 }
    await service.getToken({ communicationUserId: identity }, ['voip'], options)
    return true
  } catch (error) {
    if (meansGone(error)) return false
    throw error
  }
}

/** Mends a finding, after looking once more whether it is one. */
export async function repairFinding(context: MappingContext, finding: Finding): Promise<boolean> {
  switch (finding.kind) {
    case 'dead-link':
      return repairDeadLink(context, finding.link)
    case 'unrecorded':
      return record(context, finding.link)
    case 'orphan':
    case 'stray':
      return removeUnlinked(context, finding)
    // Whose it is only people know.
    case 'double':
      return false
  }
}

async function repairDeadLink(context: MappingContext, link: Link): Promise<boolean> {
  const { identity } = link
  if (await probe(context, identity)) return false
  const isDone = await inTransaction(context, (tx) =>
    leaveIdentity(context, tx, { identity, leaving: [link] }),
  )
  // What is owed for it is paid at once: the service has nothing of it.
  await payDebtsOf(context, identity)
  return isDone
}

async function record(context: MappingContext, { identity }: Link): Promise<boolean> {
  const { db, dialect } = context
  if ((await findIdentityRow(db, identity)) !== undefined) return false
  const made = { identity, owed: 'nothing', mark: context.uuid(), nowMs: context.now() } as const
  await insertIdentity(db, dialect, made)
  return true
}

async function removeUnlinked(
  context: MappingContext,
  { kind, identity }: { readonly kind: 'orphan' | 'stray'; readonly identity: string },
): Promise<boolean> {
  const { dialect, links } = context
  // What is being created now has a reservation, and soon a row; for the doctor it is no stray.
  if (kind === 'stray' && (await isAnyReserved(context.db))) return false
  if (kind === 'stray' && !(await probe(context, identity))) return false
  const isSo = kind === 'orphan' ? isOrphan(context, identity) : isStray(context, identity)
  if (!(await isSo)) return false
  const isOwed = await inTransaction(context, async (tx) => {
    const nowMs = context.now()
    const made = { identity, owed: 'nothing', mark: context.uuid(), nowMs } as const
    await insertIdentity(tx, dialect, made)
    const row = await lockIdentity(tx, dialect, identity)
    const isLinked = (await links.toIdentity(tx, identity, 1)).length > 0
    if (isLinked || row?.visitor_until_ms !== null) return false
    await owe(tx, identity, { owed: 'deletion', mark: context.uuid(), nowMs })
    return true
  })
  if (!isOwed) return false
  await payDebtsOf(context, identity)
  return true
}
