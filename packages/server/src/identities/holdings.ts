import type { Queries } from '../database/connect.ts'

/** Somebody, and what is kept for somebody. */
export interface Held {
  readonly resourceId: string
  readonly identityId: string
}

/** A page of what is kept. */
export interface HeldPage {
  /** As they are printed. */
  readonly lines: readonly object[]
  /** Where the next page begins, in words of the holding's own; absent: there is none. */
  readonly next: string | undefined
}

/** What one room keeps for an identity: how it is listed, and how much it is. */
export interface Holding {
  /** What its lines say in `type`, and the receipt of a deletion counts. */
  readonly type: string
  /** Lists rows after a place; absent: from the beginning. */
  readonly list: (
    db: Queries,
    held: Held,
    page: { readonly after: string | undefined; readonly rowsMax: number },
  ) => Promise<HeldPage>
  readonly count: (db: Queries, held: Held) => Promise<number>
}

/** Makes a page of rows, of which one more than asked for was read. */
export function heldPage<Row>(
  rows: readonly Row[],
  rowsMax: number,
  print: { readonly line: (row: Row) => object; readonly place: (row: Row) => string },
): HeldPage {
  const shown = rows.slice(0, rowsMax)
  const last = rows.length > rowsMax ? shown.at(-1) : undefined
  return { lines: shown.map(print.line), next: last === undefined ? undefined : print.place(last) }
}
