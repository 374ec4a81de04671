import { posix } from 'node:path'
import { manifestsOf, reachableFrom, sourceOf } from './import-graph.ts'
import type { Offence, Rule } from './rule.ts'
import { type HouseFile, lineAt, packageSources, sources, type Tree } from './tree.ts'

/** Entries that no package.json names: what is started by its path. */
const startedByPath: readonly string[] = [
  'packages/server/src/main.ts',
  'packages/server/src/print-reference.ts',
  'packages/server/src/verify-audit.ts',
]

/** Exports of the server that nothing uses yet, and why they stay. */
const keptExports: Readonly<Record<string, string>> = {}

/** Code that nothing reaches is deleted: git has it. */
export const filesAreReached: Rule = {
  says: 'every file of a package is reached from an entry, a bench script or a test of a tier',
  check: (tree) => {
    const reached = reachableFrom(tree, entriesOf(tree))
    return packageSources(tree)
      .filter(({ path }) => !reached.has(path) && !path.endsWith('.d.ts'))
      .map(({ path }) => ({ path, line: 1, what: 'nothing reaches this file' }))
  },
  example: {
    files: {
      'packages/server/package.json': JSON.stringify({
        name: '@parley/server',
        exports: {
          '.': { types: './dist/parley.d.ts', browser: './dist/b.js', default: './dist/parley.js' },
          './*': { default: './dist/*.js' },
        },
      }),
      'packages/server/src/b.ts': '',
      'packages/server/src/parley.ts': "import './chat/operations.ts'\n",
      'packages/server/src/main.ts': "import './chat/settings.ts'\n",
      'packages/server/src/chat/operations.ts': '',
      'packages/server/src/chat/settings.ts': '',
      'packages/server/src/chat/measured.ts': '',
      'packages/server/src/chat/driven.ts': '',
      'packages/server/src/chat/dead.ts': "import './dead-too.ts'\n",
      'packages/server/src/chat/dead-too.ts': '',
      'packages/server/src/chat/dead.test.ts': "import './dead.ts'\n",
      'packages/server/src/chat/a.room.test.ts': "import './driven.ts'\n",
      'bench/issue.ts': "import '@parley/server/chat/measured'\n",
    },
    offences: [
      'packages/server/src/chat/dead.ts:1: nothing reaches this file',
      'packages/server/src/chat/dead-too.ts:1: nothing reaches this file',
    ],
  },
}

/**
 * Where reading starts. A pure test beside a file is no entry: it would keep alive what only it
 * uses. A `*` among the exports of a package is none either: it would reach everything.
 */
function entriesOf(tree: Tree): readonly string[] {
  const offered = manifestsOf(tree).flatMap(({ folder, exports = {} }) =>
    Object.values(exports)
      .flatMap((targets) => Object.values(targets))
      .filter((target) => target.endsWith('.js') && !target.includes('*'))
      .map((target) => posix.join(folder, sourceOf(target))),
  )
  const driving = [...tree.keys()].filter(
    (path) => /^(?:tests|bench|examples)\//.test(path) || path.endsWith('.room.test.ts'),
  )
  return [...offered, ...startedByPath, ...driving]
}

const exported =
  /^export (?:(?:abstract|async) )*(function\*?|const|let|type|interface|class) ([\w$]+)/gm

/**
 * What only its own file uses is not exported. A type may be: it says what an exported function
 * takes or gives, and is used wherever that function is.
 */
export const exportsAreUsed: Rule = {
  says: 'every export of the server is used by another file, a type at least by its own',
  check: (tree) => {
    const users = usersOfWords(tree)
    return packageSources(tree)
      .filter(({ path }) => path.startsWith('packages/server/'))
      .flatMap((file) =>
        [...file.bare.matchAll(exported)].flatMap((found): readonly Offence[] => {
          const [, kind = '', name = ''] = found
          const { size } = users.get(name) ?? new Set()
          if (size > 1 || `${file.path}#${name}` in keptExports) return []
          if (['type', 'interface'].includes(kind) && isUsedWithin(file, name)) return []
          const line = lineAt(file.text, found.index)
          return [{ path: file.path, line, what: `no other file uses ${name}` }]
        }),
      )
  },
  example: {
    files: {
      'packages/server/src/a.ts':
        'export const used = 1\nexport const tested = 2\n' +
        'export function lonely(a: Asked) { return 3 }\nlonely()\n' +
        'export interface Asked {}\nexport type Spare = string\n',
      'packages/server/src/b.ts': 'console.log(used, `lonely`)\n// lonely\n',
      'packages/server/src/a.test.ts': `\`\${tested}\`\n`,
    },
    offences: [
      'packages/server/src/a.ts:3: no other file uses lonely',
      'packages/server/src/a.ts:6: no other file uses Spare',
    ],
  },
}

function isUsedWithin(file: HouseFile, name: string): boolean {
  return (file.bare.match(new RegExp(`(?<![\\w$])${name}(?![\\w$])`, 'g')) ?? []).length > 1
}

/** Which files use a word outside comments and quotes. */
function usersOfWords(tree: Tree): ReadonlyMap<string, ReadonlySet<string>> {
  const users = new Map<string, Set<string>>()
  for (const { path, bare } of sources(tree)) {
    for (const [word] of bare.matchAll(/[\w$]+/g)) {
      const paths = users.get(word) ?? new Set()
      users.set(word, paths.add(path))
    }
  }
  return users
}
