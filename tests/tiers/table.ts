/**
 * The tiers of tests: which file belongs to which, how long one may take, what it needs.
 *
 * A tier is a price. `rules` costs nothing and runs on every save; `worlds` starts several
 * processes and kills them. A test stands in the cheapest tier that can prove its sentence, and
 * its place in the tree says which one that is, so nobody keeps a list.
 *
 * Files are found by their source, never by what lies in `dist`: a compiled file whose source is
 * gone cannot run, and a source that was not compiled is an error instead of a silence.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** One price class of tests. */
export interface Tier {
  readonly name: string
  /** Wall time after which the tier is ended and counts as failed. */
  readonly limitSeconds: number
  /** Says whether a test source belongs here; `path` is relative to the repository. */
  readonly holds: (path: string) => boolean
  /** What the machine must have beyond Node and the installed packages. */
  readonly needs?: 'chromium' | 'spin' | 'network'
}

const ruleTest = /^packages\/[^/]+\/src\/(?!.*\.room\.test\.ts$).*\.test\.ts$/
const roomTest = /^packages\/[^/]+\/src\/.*\.room\.test\.ts$/

/** Every tier, cheapest first. */
export const tiers: readonly Tier[] = [
  { name: 'rules', limitSeconds: 60, holds: (path) => ruleTest.test(path) },
  {
    name: 'rooms',
    limitSeconds: 600,
    holds: (path) => roomTest.test(path) || isIn('rooms', path),
  },
  { name: 'wire', limitSeconds: 600, holds: (path) => isIn('wire', path) },
  {
    name: 'browsers',
    limitSeconds: 600,
    holds: (path) => isIn('browsers', path),
    needs: 'chromium',
  },
  {
    name: 'calls',
    limitSeconds: 1200,
    holds: (path) => isIn('calls', path),
    needs: 'network',
  },
  { name: 'worlds', limitSeconds: 1800, holds: (path) => isIn('worlds', path) },
  { name: 'simulation', limitSeconds: 900, holds: (path) => isIn('simulation', path) },
  { name: 'model', limitSeconds: 3600, holds: (path) => isIn('model', path), needs: 'spin' },
  { name: 'documents', limitSeconds: 900, holds: (path) => isIn('documents', path) },
  {
    name: 'house',
    limitSeconds: 120,
    holds: (path) => path === 'tests/house.test.ts' || isIn('house', path) || isIn('tiers', path),
  },
]

function isIn(folder: string, path: string): boolean {
  return path.startsWith(`tests/${folder}/`) && path.endsWith('.test.ts')
}

/**
 * Lists the sources of all tests, relative to the repository, sorted.
 *
 * @param root - the repository's folder.
 */
export function listTestSources(root: string): readonly string[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`)
  return [...packages, 'tests', 'bench']
    .flatMap((folder) => listTestsUnder(root, folder))
    .sort((left, right) => (left < right ? -1 : 1))
}

function listTestsUnder(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      return ['dist', 'node_modules'].includes(entry.name) ? [] : listTestsUnder(root, path)
    }
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}

/** Where the compiler puts what it makes of a source; both relative to the repository. */
export function compiledPathFor(source: string): string {
  return source
    .replace(/^(packages\/[^/]+)\/src\//, '$1/dist/')
    .replace(/^(tests|bench)\//, '$1/dist/')
    .replace(/\.ts$/, '.js')
}
