/**
 * Patterns of numbers, as routes have them: the part of .NET's regular expressions that people
 * write for digits.
 *
 * A pattern comes from a customer and is matched in this process, so neither .NET's engine nor that
 * of JavaScript will do: both backtrack, and `(1+)+(1+)+$` holds a thread for minutes. Here each
 * part of a pattern is a function from a position in the number to the set of positions where it
 * can end, and is asked once for each position. A number has 16 characters at most: a set is an
 * integer, and the cost is bounded by parts x 17 x 17.
 *
 * What refers to what was matched before (`\1`), options, and names of groups are refused when the
 * pattern is set, and not when somebody calls.
 */
import { fail, ok, type Result } from '@parley/protocol'

/** Says whether a number, `+` and 15 digits at most, has what a pattern describes somewhere. */
export type NumberMatch = (number: string) => boolean

/** Where a part can end that begins at `from`: bit n for position n. */
type Part = (text: string, from: number) => number

const numberCharactersMax = 16
const repeatsMax = 64
const depthMax = 16
const charactersMax = 1024

/** Reads a pattern. @faults what of it is not understood. */
export function parseNumberPattern(pattern: string): Result<NumberMatch, string> {
  if (pattern === '' || pattern.length > charactersMax) return fail('its length')
  const reader: Reader = { pattern, at: 0, depth: 0, remembered: [] }
  try {
    const whole = readAlternatives(reader)
    if (reader.at < pattern.length) return fail(`')' at ${reader.at}`)
    return ok((number) => isIn(whole, reader, number))
  } catch (error) {
    if (error instanceof NotUnderstood) return fail(error.message)
    throw error
  }
}

function isIn(whole: Part, { remembered }: Reader, number: string): boolean {
  if (number.length > numberCharactersMax) return false
  for (const ends of remembered) ends.fill(unknown)
  for (let from = 0; from <= number.length; from += 1) if (whole(number, from) !== 0) return true
  return false
}

class NotUnderstood extends Error {}

interface Reader {
  readonly pattern: string
  at: number
  depth: number
  /** Of each part, the ends by position, of the number at hand. */
  readonly remembered: Int32Array[]
}

const unknown = -1

/** Asks a part once for each position. */
function once(reader: Reader, part: Part): Part {
  const ends = new Int32Array(numberCharactersMax + 1).fill(unknown)
  reader.remembered.push(ends)
  return (text, from) => {
    const known = ends[from] ?? 0
    if (known !== unknown) return known
    const found = part(text, from)
    ends[from] = found
    return found
  }
}

/** The ends of a part that begins at any position of a set. */
function fromAny(part: Part, text: string, set: number): number {
  let found = 0
  for (let from = 0; set >> from !== 0; from += 1) {
    if ((set >> from) & 1) found |= part(text, from)
  }
  return found
}

function readAlternatives(reader: Reader): Part {
  const alternatives = [readSequence(reader)]
  while (reader.pattern[reader.at] === '|') {
    reader.at += 1
    alternatives.push(readSequence(reader))
  }
  if (alternatives.length === 1 && alternatives[0] !== undefined) return alternatives[0]
  return (text, from) => alternatives.reduce((found, one) => found | one(text, from), 0)
}

function readSequence(reader: Reader): Part {
  const parts: Part[] = []
  while (reader.at < reader.pattern.length && !'|)'.includes(reader.pattern[reader.at] ?? '')) {
    parts.push(once(reader, readQuantified(reader)))
  }
  return (text, from) => parts.reduce((set, part) => fromAny(part, text, set), 1 << from)
}

const counted = /\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}/y

function readQuantified(reader: Reader): Part {
  const part = once(reader, readAtom(reader))
  const range = readRange(reader)
  if (range === undefined) return part
  // Whether as much or as little as can be is taken first decides nothing here.
  if (reader.pattern[reader.at] === '?') reader.at += 1
  if (readRange(reader) !== undefined) throw new NotUnderstood(`a second quantifier`)
  const { least, most } = range
  if (least > repeatsMax || least > most) throw new NotUnderstood('a quantifier')
  return (text, from) => {
    let set = 1 << from
    for (let count = 0; count < least; count += 1) set = fromAny(part, text, set)
    let [found, fresh] = [set, set]
    for (let count = least; count < most && fresh !== 0; count += 1) {
      fresh = fromAny(part, text, fresh) & ~found
      found |= fresh
    }
    return found
  }
}

function readRange(reader: Reader): { least: number; most: number } | undefined {
  const { pattern } = reader
  const simple = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] } as const
  const next = pattern[reader.at]
  if (next === '*' || next === '+' || next === '?') {
    reader.at += 1
    const [least, most] = simple[next]
    return { least, most }
  }
  counted.lastIndex = reader.at
  const found = counted.exec(pattern)
  if (found === null) return undefined
  reader.at = counted.lastIndex
  const least = Number(found[1])
  if (found[2] === undefined) return { least, most: least }
  return { least, most: found[3] === undefined ? Infinity : Number(found[3]) }
}

function readAtom(reader: Reader): Part {
  const character = reader.pattern[reader.at] ?? ''
  reader.at += 1
  switch (character) {
    case '(':
      return readGroup(reader)
    case '[':
      return oneOf(readClass(reader))
    case '^':
      return (_text, from) => (from === 0 ? 1 : 0)
    case '$':
      return atEnd
    case '.':
      return oneOf(() => true)
    case '\\':
      return readEscape(reader)
    case '*':
    case '+':
    case '?':
      throw new NotUnderstood(`'${character}' after nothing`)
    default:
      return oneOf((one) => one === character)
  }
}

const atEnd: Part = (text, from) => (from === text.length ? 1 << from : 0)

function oneOf(has: (character: string) => boolean): Part {
  return (text, from) => (from < text.length && has(text[from] ?? '') ? 1 << (from + 1) : 0)
}

function readGroup(reader: Reader): Part {
  reader.depth += 1
  if (reader.depth > depthMax) throw new NotUnderstood('its depth')
  let look: boolean | undefined
  if (reader.pattern[reader.at] === '?') {
    const kind = reader.pattern.slice(reader.at, reader.at + 2)
    if (kind === '?=') look = true
    else if (kind === '?!') look = false
    else if (kind !== '?:')
      throw new NotUnderstood(`'(${reader.pattern.slice(reader.at, reader.at + 3)}'`)
    reader.at += 2
  }
  const inside = readAlternatives(reader)
  if (reader.pattern[reader.at] !== ')') throw new NotUnderstood("a '(' that is not closed")
  reader.at += 1
  reader.depth -= 1
  if (look === undefined) return inside
  return (text, from) => ((inside(text, from) !== 0) === look ? 1 << from : 0)
}

type Has = (character: string) => boolean

const isDigit: Has = (one) => one >= '0' && one <= '9'
const kinds: ReadonlyMap<string, Has> = new Map([
  ['d', isDigit],
  ['D', (one: string) => !isDigit(one)],
  ['w', isDigit],
  ['W', (one: string) => !isDigit(one)],
  ['s', () => false],
  ['S', () => true],
])

function readEscape(reader: Reader): Part {
  const next = reader.pattern[reader.at] ?? ''
  reader.at += 1
  const kind = kinds.get(next)
  if (kind !== undefined) return oneOf(kind)
  if (next === 'A') return (_text, from) => (from === 0 ? 1 : 0)
  if (next === 'z' || next === 'Z') return atEnd
  return oneOf(literal(next))
}

/** In .NET a letter or digit behind a backslash always means something else. */
function literal(character: string): Has {
  if (character === '' || /[0-9A-Za-z]/.test(character)) throw new NotUnderstood(`'\\${character}'`)
  return (one) => one === character
}

function readClass(reader: Reader): Has {
  const { pattern } = reader
  const isNegated = pattern[reader.at] === '^'
  if (isNegated) reader.at += 1
  const members: Has[] = []
  let isFirst = true
  while (pattern[reader.at] !== ']' || isFirst) {
    if (reader.at >= pattern.length) throw new NotUnderstood("a '[' that is not closed")
    members.push(readMember(reader))
    isFirst = false
  }
  reader.at += 1
  return (one) => members.some((has) => has(one)) !== isNegated
}

function readMember(reader: Reader): Has {
  const { pattern } = reader
  const first = pattern[reader.at] ?? ''
  reader.at += 1
  if (first === '\\') {
    const next = pattern[reader.at] ?? ''
    reader.at += 1
    return kinds.get(next) ?? literal(next)
  }
  // `[0-9-[5]]` takes away in .NET.
  if (first === '-' && pattern[reader.at] === '[') throw new NotUnderstood('a range')
  const isRange = pattern[reader.at] === '-' && pattern[reader.at + 1] !== ']'
  if (!isRange) return (one) => one === first
  const last = pattern[reader.at + 1] ?? ''
  if (last === '[' || last === '\\' || last < first) throw new NotUnderstood('a range')
  reader.at += 2
  return (one) => one >= first && one <= last
}
