import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Call } from '../contract/operation.ts'

/** Which page a caller asks for. */
export interface PageAsk {
  /** The page starts after this; `undefined` for the first page. */
  readonly after: string | undefined
  readonly entriesMax: number
}

/**
 * Reads which page is asked for, from `$top` and `$skipToken`.
 *
 * @param isMark - whether a text can be what a page starts after.
 * @faults `query-invalid`.
 */
export function pageAsked(
  query: Call['query'],
  isMark: (text: string) => boolean,
): Result<PageAsk, Fault> {
  const { $top: top, $skipToken: token } = query
  const most = serverLimits.pageEntriesMax
  const entriesMax = top === undefined ? serverLimits.pageEntries : Number(top)
  const isWhole = top === undefined || (typeof top === 'string' && /^[0-9]{1,9}$/.test(top))
  if (!isWhole || entriesMax < 1 || entriesMax > most) {
    return fail({
      kind: 'query-invalid',
      parameter: '$top',
      expected: `a whole number, 1..${most}`,
    })
  }
  if (token === undefined) return ok({ after: undefined, entriesMax })
  const after = typeof token === 'string' ? Buffer.from(token, 'base64url').toString('utf8') : ''
  if (isMark(after)) return ok({ after, entriesMax })
  return fail({ kind: 'query-invalid', parameter: '$skipToken', expected: 'as in a nextLink' })
}

/**
 * Prints a page, with the link to the next one where there may be one.
 *
 * The link is built from the configured endpoint and never from the request: a `Host` header is
 * anybody's, and a client follows the link with its bearer.
 *
 * @param page.entries - one more than asked for, where there are more.
 */
export function printPage<Entry>(page: {
  readonly entries: readonly Entry[]
  readonly asked: PageAsk
  readonly print: (entry: Entry) => object
  readonly markOf: (entry: Entry) => string
  /** Path of the list, which starts with a slash. */
  readonly path: string
  readonly call: Pick<Call, 'query' | 'version'>
  readonly endpoint: string
}): object {
  const { entries, asked, print, markOf, path, call, endpoint } = page
  const shown = entries.slice(0, asked.entriesMax)
  const value = shown.map(print)
  const last = shown.at(-1)
  if (entries.length <= asked.entriesMax || last === undefined) return { value }
  const link = new URL(path.slice(1), endpoint)
  link.searchParams.set('api-version', call.version)
  if (typeof call.query['$top'] === 'string') link.searchParams.set('$top', call.query['$top'])
  link.searchParams.set('$skipToken', Buffer.from(markOf(last)).toString('base64url'))
  return { value, nextLink: link.href }
}
