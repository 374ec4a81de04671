import { isAscii } from 'node:buffer'

const start = Buffer.from('{"tokens":["')
const end = Buffer.from('"]}')
const quote = 0x22
const comma = 0x2c
const backslash = 0x5c

/**
 * Reads `{"tokens":["...","..."]}` straight from its bytes.
 *
 * A batch of 1,000 tokens has 900 KB. As one string it is written to fresh pages and then cut by
 * `JSON.parse`: 0.8 ms, more than looking up all of its tokens. Cut from the bytes: 0.3 ms.
 *
 * @returns the list as `JSON.parse` would give it; `undefined` for any other text, also for this
 *   one with blanks, escapes or characters beyond ASCII in it. Raw control characters, which JSON
 *   does not allow in a string, are let through: no token that is live has one.
 */
export function scanTokenList(bytes: Buffer): { readonly tokens: readonly string[] } | undefined {
  const last = bytes.length - end.length
  const isFramed = last >= start.length && isAt(bytes, start, 0) && isAt(bytes, end, last)
  if (!isFramed || bytes.includes(backslash) || !isAscii(bytes)) return undefined
  const tokens: string[] = []
  let from = start.length
  while (true) {
    const to = bytes.indexOf(quote, from)
    tokens.push(bytes.toString('latin1', from, to))
    if (to === last) return { tokens }
    const goesOn = to !== -1 && bytes[to + 1] === comma && bytes[to + 2] === quote
    if (!goesOn) return undefined
    from = to + 3
  }
}

function isAt(bytes: Buffer, part: Buffer, at: number): boolean {
  return bytes.compare(part, 0, part.length, at, at + part.length) === 0
}
