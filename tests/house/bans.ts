import type { Offence, Rule } from './rule.ts'
import { type HouseFile, isInPackage, isTest, lineAt, sources, type Tree } from './tree.ts'

/** The files through which time, randomness, environment and network enter. */
const doors: readonly string[] = [
  'packages/server/src/parley.ts',
  'packages/server/src/main.ts',
  'packages/server/src/print-reference.ts',
  'packages/server/src/verify-audit.ts',
  'packages/verifier/src/platform.ts',
  'packages/trusted-service/src/platform.ts',
  'packages/cli/src/main.ts',
  'packages/calling/src/platform.ts',
]

/** Files that must do what is banned elsewhere, and why. */
const defaultExporters: Readonly<Record<string, string>> = {
  'tests/tiers/terse-reporter.ts': 'node:test takes a reporter by its default export',
}

/** A value reaches a function because somebody passed it. Pure tests pass their own noon. */
export const worldEntersByTheDoors = banned({
  says: 'only the entry files reach for the clock, for chance or for the network',
  patterns: [
    /\b(?:Date\.now|Math\.random)\b/g,
    /(?<![.\w$]|function )fetch\(/g,
    /\bnew Date(?:\(\)|\b(?!\())/g,
  ],
  holdsFor: ({ path }) =>
    isInPackage(path) && !doors.includes(path) && !path.endsWith('.room.test.ts'),
  unless: isHandedDown,
  example: {
    files: {
      'packages/server/src/chat/a.ts': [
        'const nowMs = Date.now()',
        'const dice = Math.random',
        'const answer = await fetch(url)',
        'const today = new Date()',
        'const allowed = [new Date(0), options.fetch(url), (fetch: Fetch) => 1, "Date.now"]',
        '// Date.now, Math.random',
        'export async function load(',
        '  fetch: Fetch,',
        ') {',
        '  return fetch(url, Date.now())',
        '}',
        'export async function loadToo() {',
        '  return fetch(url)',
        '}',
      ].join('\n'),
      'packages/server/src/chat/a.test.ts': 'Date.now()\n',
      'packages/server/src/chat/a.room.test.ts': 'Date.now()\n',
      'packages/server/src/parley.ts': 'Date.now()\n',
      'packages/verifier/src/platform.ts': 'fetch(url)\n',
      'tests/world.ts': 'Date.now()\n',
    },
    offences: [
      'packages/server/src/chat/a.ts:1: Date.now',
      'packages/server/src/chat/a.ts:2: Math.random',
      'packages/server/src/chat/a.ts:3: fetch(',
      'packages/server/src/chat/a.ts:4: new Date()',
      'packages/server/src/chat/a.ts:10: Date.now',
      'packages/server/src/chat/a.ts:13: fetch(',
      'packages/server/src/chat/a.test.ts:1: Date.now',
    ],
  },
})

/** Says whether the `fetch` at an offset is a parameter or a local of the function around it. */
function isHandedDown(text: string, offset: number): boolean {
  if (!text.startsWith('fetch', offset)) return false
  const lines = text.slice(0, offset).split('\n')
  const start = lines.findLastIndex((line) => /^\w/.test(line))
  return /[({,]\s*fetch\s*[:,}=]/.test(lines.slice(start).join('\n'))
}

/** One file reads the settings. A test may ask where the machine keeps what it needs. */
export const settingsEnterByTheDoors = banned({
  says: 'only the entry files read the environment',
  patterns: [/\bprocess\.env\b/g, /\benv\b[^={}]*\}\s*=\s*process\b/g],
  holdsFor: ({ path }) => isInPackage(path) && !doors.includes(path) && !isTest(path),
  example: {
    files: {
      'packages/server/src/a.ts': 'const { HOME } = process.env\nconst { env } = process\n',
      'packages/server/src/a.test.ts': 'process.env\n',
      'packages/server/src/main.ts': 'process.env\n',
    },
    offences: [
      'packages/server/src/a.ts:1: process.env',
      'packages/server/src/a.ts:2: env } = process',
    ],
  },
})

/** What the type checker can no longer follow, and what is no JavaScript. */
export const languageStaysPlain = banned({
  says: 'there is no any, no enum, no namespace and no default export',
  patterns: [
    /(?<![.\w$])any\b(?!\s*[:(?])/g,
    /^\s*(?:export )?(?:declare )?(?:const )?enum \w+/gm,
    /^\s*(?:export )?(?:declare )?(?:namespace|module) [\w.]+/gm,
    /^export (?:default|\{[^}]*\bas default)\b/gm,
  ],
  holdsFor: ({ path }) => !(path in defaultExporters),
  example: {
    files: {
      'packages/server/src/a.ts': [
        'const a: any = 1',
        'const b = c as unknown as Record<string, any>',
        'export const enum D { E }',
        'declare namespace F {}',
        'export default g',
        'export { h as default }',
        `const i = sql\`where id = any(\${ids})\``,
        'Promise.any([])',
        'const j = { any: 1, enum: 2, namespace: 3 }',
        "declare module 'k' {}",
      ].join('\n'),
    },
    offences: [
      'packages/server/src/a.ts:1: any',
      'packages/server/src/a.ts:2: any',
      'packages/server/src/a.ts:3: export const enum D',
      'packages/server/src/a.ts:4: declare namespace F',
      'packages/server/src/a.ts:5: export default',
      'packages/server/src/a.ts:6: export { h as default',
    ],
  },
})

/** A constructor takes values; what the object keeps of them is declared with its fields. */
export const constructorsDeclareNoFields = banned({
  says: 'a constructor has no parameter properties',
  patterns: [
    /\bconstructor\((?:[^()]*,)?\s*(?:(?:public|private|protected|readonly) )+\w+(?=[?:,)])/g,
  ],
  holdsFor: () => true,
  example: {
    files: {
      'packages/server/src/a.ts': [
        'class A { constructor(private readonly pool: Pool) {} }',
        'class B { constructor(',
        '  pool: Pool,',
        '  readonly limit: number,',
        ') {} }',
        'class C { constructor(options: { readonly limit: number }) {} }',
        'class D { constructor(pool: Pool, limit: number) {} }',
      ].join('\n'),
    },
    offences: [
      'packages/server/src/a.ts:1: constructor(private readonly pool',
      'packages/server/src/a.ts:2: constructor( pool: Pool, readonly limit',
    ],
  },
})

/** A file is named by what it does. */
export const namesSaySomething: Rule = {
  says: 'no file is a drawer: utils, helpers, common, manager',
  check: (tree) =>
    sources(tree).flatMap(({ path }) => {
      const word = /(?<=^|[-./_])(?:utils?|helpers?|commons?|managers?)(?=[-./_])/i.exec(path)?.[0]
      return word === undefined ? [] : [{ path, line: 1, what: `is named ${word}` }]
    }),
  example: {
    files: {
      'packages/server/src/chat/string-utils.ts': '',
      'packages/server/src/helpers/a.ts': '',
      'packages/server/src/common.ts': '',
      'packages/server/src/lease-manager.test.ts': '',
      'packages/server/src/commonly-asked.ts': '',
    },
    offences: [
      'packages/server/src/chat/string-utils.ts:1: is named utils',
      'packages/server/src/helpers/a.ts:1: is named helpers',
      'packages/server/src/common.ts:1: is named common',
      'packages/server/src/lease-manager.test.ts:1: is named manager',
    ],
  },
}

/** The word that marks what is left to do, not written here so that nothing finds it. */
const toDo = ['TO', 'DO'].join('')

/** Work that is left has an issue, where it can be found and closed. */
export const leftWorkHasAnIssue: Rule = {
  says: 'what is left to do names its issue',
  check: (tree) =>
    sources(tree).flatMap((file) => {
      const pattern = new RegExp(`\\b(?:${toDo}|FIX-?ME|XX-?X|HA-?CK)\\b(?!\\(#\\d+\\))`, 'g')
      return offencesOf({ ...file, text: file.comments }, pattern)
    }),
  example: {
    files: {
      'packages/server/src/a.ts': `// ${toDo}: more\n// ${toDo}(#12): more\n/* ${toDo}(#n) */\n`,
    },
    offences: [`packages/server/src/a.ts:1: ${toDo}`, `packages/server/src/a.ts:3: ${toDo}`],
  },
}

/** Folders that exist on one machine; in pieces, so that this file does not offend. */
const machineFolders: readonly string[] = ['root', 'work']

/** What is committed holds on every machine. */
export const pathsAreEverybodys: Rule = {
  says: 'no file names a folder of one machine',
  check: (tree: Tree) =>
    [...tree.values()].flatMap((file) =>
      offencesOf(file, new RegExp(`/(?:${machineFolders.join('|')})/`, 'g')),
    ),
  example: {
    files: Object.fromEntries(
      machineFolders.map((folder) => [`${folder}.md`, `See\n${['', folder, 'a'].join('/')}.\n`]),
    ),
    offences: machineFolders.map((folder) => `${folder}.md:2: /${folder}/`),
  },
}

/** A rule that finds a pattern in code, outside comments and quotes. */
function banned(ban: {
  readonly says: string
  readonly patterns: readonly RegExp[]
  readonly holdsFor: (file: HouseFile) => boolean
  /** Excuses a match by what stands before it in the bare text. */
  readonly unless?: (text: string, offset: number) => boolean
  readonly example: Rule['example']
}): Rule {
  const { says, patterns, holdsFor, unless, example } = ban
  const check = (tree: Tree) =>
    sources(tree)
      .filter(holdsFor)
      .flatMap((file) =>
        patterns
          .flatMap((pattern) => offencesOf({ ...file, text: file.bare }, pattern, unless))
          .sort((left, right) => left.line - right.line),
      )
  return { says, check, example }
}

/** Every match of a pattern in a text, on one line each. */
function offencesOf(
  file: { readonly path: string; readonly text: string },
  pattern: RegExp,
  unless?: (text: string, offset: number) => boolean,
): readonly Offence[] {
  return [...file.text.matchAll(pattern)].flatMap((found) => {
    const what = found[0].trim().replace(/\s+/g, ' ')
    const offset = found.index + found[0].length - found[0].trimStart().length
    if (unless?.(file.text, offset) === true) return []
    return [{ path: file.path, line: lineAt(file.text, offset), what }]
  })
}
