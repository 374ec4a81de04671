import type { Offence, Rule } from './rule.ts'
import { type HouseFile, isTest, sources } from './tree.ts'

const columnsMax = 100
const functionLinesMax = 60

/** A file near its budget holds two ideas; SQL and the tables of a test are long without it. */
export const filesAreShort: Rule = {
  says: 'a file has at most 300 lines, a store 400, a test 500',
  check: (tree) =>
    sources(tree).flatMap(({ path, text }) => {
      const lineCount = text.replace(/\n$/, '').split('\n').length
      const max = fileLinesMaxFor(path)
      if (lineCount <= max) return []
      return [{ path, line: max + 1, what: `${lineCount} lines, the budget is ${max}` }]
    }),
  example: {
    files: {
      'packages/server/src/chat/a.ts': 'a\n'.repeat(301),
      'packages/server/src/chat/b.ts': 'a\n'.repeat(300),
      'packages/server/src/chat/store.ts': 'a\n'.repeat(401),
      'packages/server/src/chat/a.test.ts': 'a\n'.repeat(501),
    },
    offences: [
      'packages/server/src/chat/a.ts:301: 301 lines, the budget is 300',
      'packages/server/src/chat/store.ts:401: 401 lines, the budget is 400',
      'packages/server/src/chat/a.test.ts:501: 501 lines, the budget is 500',
    ],
  },
}

function fileLinesMaxFor(path: string): number {
  if (isTest(path)) return 500
  return path.endsWith('store.ts') ? 400 : 300
}

/** Two files side by side on one screen. */
export const linesAreNarrow: Rule = {
  says: 'a line of code has at most 100 columns',
  check: (tree) =>
    sources(tree).flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index): readonly Offence[] => {
        const columns = [...line].length
        if (columns <= columnsMax) return []
        return [{ path, line: index + 1, what: `${columns} columns, the budget is ${columnsMax}` }]
      }),
    ),
  example: {
    files: {
      'scripts/a.mjs': `// ${'a'.repeat(97)}\n// ${'a'.repeat(98)}\n// ${'ä'.repeat(97)}\n`,
    },
    offences: ['scripts/a.mjs:2: 101 columns, the budget is 100'],
  },
}

/** A function that does not fit on a screen is read with a finger on the line. */
export const functionsAreShort: Rule = {
  says: 'a function has at most 60 lines',
  check: (tree) =>
    sources(tree).flatMap((file) =>
      functionsOf(file)
        .filter(({ lineCount }) => lineCount > functionLinesMax)
        .map(({ line, lineCount }) => ({
          path: file.path,
          line,
          what: `${lineCount} lines, the budget is ${functionLinesMax}`,
        })),
    ),
  example: {
    files: {
      'packages/server/src/a.ts': [
        `export async function declared(asked: {\n  a: string\n}): Promise<void> {${body(58)}`,
        `export async function fits(asked: {\n  a: string\n}): Promise<void> {${body(56)}`,
        `const arrow = async (\n  a: string,\n) => {${body(58)}`,
        `class Pool {\n  async close(): Promise<void> {${body(60, '  ')}}`,
        `if (a) {${body(70)}`,
        `describe('a', () => {${body(70)}`,
        `test('a', () => {${body(60).replace('}', '})')}`,
      ].join('\n'),
    },
    offences: [
      'packages/server/src/a.ts:1: 62 lines, the budget is 60',
      'packages/server/src/a.ts:125: 62 lines, the budget is 60',
      'packages/server/src/a.ts:189: 62 lines, the budget is 60',
      'packages/server/src/a.ts:398: 62 lines, the budget is 60',
    ],
  },
}

/** The inside and the end of a function, for the example. */
function body(lineCount: number, indent = ''): string {
  return `\n${`${indent}  a()\n`.repeat(lineCount)}${indent}}\n`
}

const declaration = /^\s*(?:export )?(?:async )?function\b/
const arrow = /=> \{$/
const method =
  /^\s+(?:(?:static|async|override|get|set|private|protected|public) )*\*?[#\w]+(?:<.*>)?\(.*[({]$/
const statement = /^\s*(?:\} )?(?:if|else|for|while|switch|catch|return|await|throw|with)\b/

interface FunctionPlace {
  readonly line: number
  readonly lineCount: number
}

/**
 * Lists the functions of a file: those declared, arrows with a body, methods. The formatter has
 * indented the code, so a function ends with the first bracket at the indentation of its start.
 * A `describe` is a chapter rather than a function.
 */
function functionsOf(file: HouseFile): readonly FunctionPlace[] {
  const lines = file.bare.split('\n')
  return lines.flatMap((line, index): readonly FunctionPlace[] => {
    if (!startsFunction(line)) return []
    const first = /^\s*[)}]/.test(line) ? openingOf(lines, index) : index
    const last = closingOf(lines, index)
    if (/^\s*describe\(/.test(lines[first] ?? '')) return []
    return [{ line: first + 1, lineCount: last - first + 1 }]
  })
}

function startsFunction(line: string): boolean {
  if (declaration.test(line) || arrow.test(line)) return true
  return method.test(line) && !statement.test(line)
}

/** For `) => {`: the line where that parenthesis was opened. */
function openingOf(lines: readonly string[], index: number): number {
  const indent = indentOf(lines[index])
  for (let at = index - 1; at > 0; at -= 1) {
    if (indentOf(lines[at]) === indent && !/^\s*[)}]/.test(lines[at] ?? '')) return at
  }
  return 0
}

/** The line of the last bracket; one that opens the body at once, as `}): Answer {`, is none. */
function closingOf(lines: readonly string[], index: number): number {
  const indent = indentOf(lines[index])
  for (let at = index + 1; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    if (indentOf(line) === indent && /^\s*[)}]/.test(line) && !/[{([]$/.test(line)) return at
  }
  return lines.length - 1
}

/** Count of leading spaces; -1 for an empty line, which ends nothing. */
function indentOf(line: string | undefined): number {
  return line === undefined || line.trim() === '' ? -1 : line.length - line.trimStart().length
}
