/**
 * How columns become values and back, said once, so that no connection has to ask the server.
 *
 * The client library can learn array types by a query on every new connection. We name the few that
 * our statements use instead; statements gather many requests in arrays (`unnest`, `= any`).
 *
 * A plain array of strings or numbers is sent as the type the statement says. Of other elements the
 * library would take the type of the first for that of the whole, so these are wrapped:
 * `sql.types.byteaArray(keys)`, `sql.types.timestamptzArray(instants)`.
 */

/** An array element as text; `null` for the SQL null. */
type ElementText = string | null

interface ArrayType<Element> {
  readonly to: number
  readonly from: number[]
  readonly serialize: (values: readonly (Element | null)[]) => string
  readonly parse: (text: string) => readonly (Element | null)[]
}

/** Text of an array as PostgreSQL reads it: every element quoted, so none can end it. */
export function printArray(elements: readonly ElementText[]): string {
  const printed = elements.map((element) =>
    element === null ? 'null' : `"${element.replace(/["\\]/g, '\\$&')}"`,
  )
  return `{${printed.join(',')}}`
}

/**
 * Reads an array of one dimension as PostgreSQL prints it.
 *
 * An element is quoted, with backslashes before quotes and backslashes, or bare; a bare `NULL` is
 * the SQL null.
 */
export function parseArray(text: string): ElementText[] {
  const elements: ElementText[] = []
  for (const match of text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs)) {
    const [, quoted, bare] = match
    if (quoted !== undefined) elements.push(quoted.replace(/\\(.)/gs, '$1'))
    else elements.push(bare === 'NULL' ? null : (bare ?? ''))
  }
  return elements
}

function arrayType<Element>(
  oid: number,
  print: (element: Element) => string,
  parse: (text: string) => Element,
): ArrayType<Element> {
  return {
    to: oid,
    from: [oid],
    serialize: (values) =>
      printArray(values.map((value) => (value === null ? null : print(value)))),
    parse: (text) => parseArray(text).map((element) => (element === null ? null : parse(element))),
  }
}

/**
 * Reads a bigint as a number where that is exact, which it is for every count, generation and
 * instant that we keep; beyond 2^53 as a bigint rather than as a wrong number.
 */
export function parseBigint(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

const printText = (value: string): string => value
const printWhole = (value: number | bigint): string => value.toString()

/** The types that the client is told of; the numbers are those of PostgreSQL's own catalogue. */
export const columnTypes = {
  bigint: { to: 20, from: [20], serialize: printWhole, parse: parseBigint },
  booleanArray: arrayType<boolean>(1000, String, (text) => text === 't'),
  byteaArray: arrayType<Uint8Array>(
    1001,
    (bytes) => `\\x${Buffer.from(bytes).toString('hex')}`,
    (text) => Buffer.from(text.slice(2), 'hex'),
  ),
  smallintArray: arrayType<number>(1005, printWhole, Number),
  integerArray: arrayType<number>(1007, printWhole, Number),
  textArray: arrayType<string>(1009, printText, printText),
  bigintArray: arrayType<number | bigint>(1016, printWhole, parseBigint),
  timestamptzArray: arrayType<Date>(
    1185,
    (instant) => instant.toISOString(),
    (text) => new Date(text),
  ),
  uuidArray: arrayType<string>(2951, printText, printText),
}
