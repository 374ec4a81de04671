import type { Json } from './openapi-schema.ts'

const columnsMax = 100

/**
 * Prints JSON for people: what fits on its line stands on it, the rest is indented by two spaces.
 *
 * @param before - what stands left of the value on its line: indentation, then perhaps a name.
 */
export function printJson(value: Json, before = ''): string {
  const short = oneLine(value)
  // The comma behind a value has its column too.
  const isShort = before.length + short.length < columnsMax
  if (isShort || typeof value !== 'object' || value === null) return short
  const indent = /^ */.exec(before)?.[0] ?? ''
  const [open, close, members] = Array.isArray(value)
    ? ['[', ']', value.map((element): Member => ['', element])]
    : ['{', '}', Object.entries(value).map(([name, one]): Member => [printName(name), one])]
  const lines = members.map(([name, one]) => {
    const start = `${indent}  ${name}`
    return start + printJson(one, start)
  })
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`
}

type Member = readonly [name: string, value: Json]

function printName(name: string): string {
  return `${JSON.stringify(name)}: `
}

function oneLine(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, one]) => printName(name) + oneLine(one))
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}
