import { posix } from 'node:path'
import type { Offence, Rule } from './rule.ts'
import { type HouseFile, isTest, lineAt, packageSources, sources } from './tree.ts'

const essayLinesMin = 5
const exported =
  /^export (?:(?:declare|abstract|async) )*(?:function\*?|const|let|type|interface|class) ([\w$]+)/
const exportedList = /^export (?:type )?\{(?! *\})/

/** What a package offers is explained where it is defined. */
export const exportsAreExplained: Rule = {
  says: 'every exported symbol of a package has a documentation comment',
  check: (tree) =>
    packageSources(tree)
      .filter(({ path }) => posix.basename(path) !== 'index.ts')
      .flatMap(checkExports),
  example: {
    files: {
      'packages/protocol/src/index.ts': "export * from './a.ts'\n",
      'packages/protocol/src/a.ts': [
        '/** Says a. */',
        'export const a = 1',
        'export async function b(text: string): void',
        '',
        '// Not a documentation comment.',
        'export type C = string',
        '/**',
        ' * Says d.',
        ' */',
        'export function d(text: string): void',
        'export function d(count: number): void',
        'const e = 1',
        'export { e }',
        '/* Says f. */',
        'export interface F {}',
        'export {}',
      ].join('\n'),
      'packages/protocol/src/a.test.ts': 'export const g = 1\n',
    },
    offences: [
      'packages/protocol/src/a.ts:3: b is exported without a documentation comment',
      'packages/protocol/src/a.ts:6: C is exported without a documentation comment',
      'packages/protocol/src/a.ts:13: export it where it is declared',
      'packages/protocol/src/a.ts:15: F is exported without a documentation comment',
    ],
  },
}

function checkExports(file: HouseFile): readonly Offence[] {
  const lines = file.bare.split('\n')
  const explained = new Set<string>()
  return lines.flatMap((line, index): readonly Offence[] => {
    const place = { path: file.path, line: index + 1 }
    if (exportedList.test(line)) return [{ ...place, what: 'export it where it is declared' }]
    const name = exported.exec(line)?.[1]
    // An overload is explained by the first signature.
    if (name === undefined || explained.has(name)) return []
    explained.add(name)
    if (followsDocumentation(file, index)) return []
    return [{ ...place, what: `${name} is exported without a documentation comment` }]
  })
}

/** Says whether a documentation comment ends right above a line; lint remarks may stand between. */
function followsDocumentation(file: HouseFile, index: number): boolean {
  const above = file.comments
    .split('\n')
    .slice(0, index)
    .filter((line) => !line.startsWith('// biome-ignore'))
    .join('\n')
  return /\*\/ *$/.test(above) && above.startsWith('/**', above.lastIndexOf('/*'))
}

/** The rules of a room are read before its code. */
export const modelsOpenWithAnEssay: Rule = {
  says: `a model opens with a comment of at least ${essayLinesMin} lines`,
  check: (tree) =>
    packageSources(tree)
      .filter(({ path }) => /(?:^|[/-])model\.ts$/.test(path))
      .flatMap((file) => {
        const lineCount = essayLineCount(file.text)
        if (lineCount >= essayLinesMin) return []
        const what = `opens with ${lineCount} lines of comment, not ${essayLinesMin}`
        return [{ path: file.path, line: 1, what }]
      }),
  example: {
    files: {
      'packages/server/src/chat/model.ts': '/**\n * One.\n * Two.\n *\n * Four.\n */\na\n',
      'packages/server/src/keys/model.ts': "import './a.ts'\n/**\n1\n2\n3\n4\n5\n*/\n",
      'packages/server/src/usage/model.ts': '/**\n * 1\n * 2\n * 3\n * 4\n * 5\n */\na\n',
      'packages/server/src/chat/thread-model.ts': '// 1\n// 2\n// 3\n// 4\n// 5\na\n',
    },
    offences: [
      'packages/server/src/chat/model.ts:1: opens with 3 lines of comment, not 5',
      'packages/server/src/keys/model.ts:1: opens with 0 lines of comment, not 5',
    ],
  },
}

/** Counts the lines with words of the comment at the head of a text. */
function essayLineCount(text: string): number {
  const essay = /^(?:\/\*[\s\S]*?\*\/|(?:\/\/.*\n)+)/.exec(text)?.[0] ?? ''
  return essay.split('\n').filter((line) => /[\p{L}\p{N}]/u.test(line)).length
}

const vagueWord = /\bshould\b|\bworks?\b|#\d+/i

/** Titles of tests are sentences of the specification. */
export const titlesStateFacts: Rule = {
  says: 'titles of tests say what is so: no "should", no "works", no ticket',
  check: (tree) =>
    sources(tree)
      .filter(({ path }) => isTest(path))
      .flatMap((file) =>
        [...file.bare.matchAll(/\b(?:describe|test|it)\(\s*(?=['"`])/g)].flatMap((found) => {
          const quoteAt = found.index + found[0].length
          const end = file.bare.indexOf(file.bare.charAt(quoteAt), quoteAt + 1)
          const title = file.text.slice(quoteAt + 1, end)
          const word = vagueWord.exec(title)?.[0]
          if (word === undefined) return []
          return [{ path: file.path, line: lineAt(file.text, quoteAt), what: `title says ${word}` }]
        }),
      ),
  example: {
    files: {
      'tests/wire/a.test.ts': [
        "describe('a token', () => {",
        "  test('should pass', () => {})",
        `  test(\`\${name} works\`, () => {})`,
        '  test(',
        "    'refuses what #12 let through',",
        '  )',
        "  test('refuses \"should\" nowhere else', () => 'should')",
        '})',
      ].join('\n'),
    },
    offences: [
      'tests/wire/a.test.ts:2: title says should',
      'tests/wire/a.test.ts:3: title says works',
      'tests/wire/a.test.ts:5: title says #12',
      'tests/wire/a.test.ts:7: title says should',
    ],
  },
}
