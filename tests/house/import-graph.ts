import { posix } from 'node:path'
import { type HouseFile, lineAt, type Tree } from './tree.ts'

/** One place where a file names another module. */
export interface Import {
  readonly specifier: string
  /** From 1. */
  readonly line: number
  /** Whether the module's names are exported on. */
  readonly isReExport: boolean
}

const importStart = new RegExp(
  [
    /\bimport\s+[\w$*{},\s]+?\s+from\s*(?=['"])/,
    /\bimport\s*\(?\s*(?=['"])/,
    /\b(export)\s+(?:type\s+)?(?:\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})\s*from\s*(?=['"])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)

/** Lists what a file imports, types and dynamic imports of a literal included, in order. */
export function importsOf(file: HouseFile): readonly Import[] {
  return [...file.bare.matchAll(importStart)].map((found) => {
    const quoteAt = found.index + found[0].length
    const end = file.code.indexOf(file.code.charAt(quoteAt), quoteAt + 1)
    return {
      specifier: file.code.slice(quoteAt + 1, end),
      line: lineAt(file.text, quoteAt),
      isReExport: found[1] !== undefined,
    }
  })
}

/**
 * Finds the file that an import means.
 *
 * @returns `undefined` when it is not a file of the tree: a library, a module of Node.
 */
export function findImported(tree: Tree, from: string, specifier: string): string | undefined {
  const path = specifier.startsWith('.')
    ? posix.join(posix.dirname(from), specifier)
    : exportedFile(tree, specifier)
  return path !== undefined && tree.has(path) ? path : undefined
}

/** A package of the repository by its name: where it lies and what its package.json says. */
export interface Manifest {
  /** Folder of the package, empty for the repository itself. */
  readonly folder: string
  readonly path: string
  readonly name?: string
  /** What each subpath means, under the conditions of whoever imports it. */
  readonly exports?: Readonly<
    Record<string, { readonly default: string } & Readonly<Record<string, string>>>
  >
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Lists every package.json of the tree. */
export function manifestsOf(tree: Tree): readonly Manifest[] {
  return [...tree.values()]
    .filter(({ path }) => posix.basename(path) === 'package.json')
    .map(({ path, text }) => {
      const folder = posix.dirname(path)
      return { ...JSON.parse(text), path, folder: folder === '.' ? '' : folder }
    })
}

/** The source behind `<package>` or `<package>/<subpath>`, by the package's `exports`. */
function exportedFile(tree: Tree, specifier: string): string | undefined {
  for (const manifest of manifestsOf(tree)) {
    const { name, folder, exports = {} } = manifest
    if (name === undefined || !`${specifier}/`.startsWith(`${name}/`)) continue
    const subpath = `.${specifier.slice(name.length)}`
    const target = exports[subpath]?.default ?? wildcard(exports, subpath)
    if (target !== undefined) return posix.join(folder, sourceOf(target))
  }
  return undefined
}

function wildcard(
  exports: Readonly<Record<string, { readonly default: string }>>,
  subpath: string,
): string | undefined {
  return exports['./*']?.default.replace('*', subpath.slice(2))
}

/** The source of what the compiler put into `dist`, both relative to their package. */
export function sourceOf(compiled: string): string {
  return compiled.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')
}

/**
 * Lists the files that the given ones lead to, themselves included.
 *
 * @param starts - paths; those that the tree lacks are ignored.
 */
export function reachableFrom(tree: Tree, starts: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const waiting = [...starts]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = tree.get(path)
    if (file === undefined || reached.has(path)) continue
    reached.add(path)
    for (const { specifier } of importsOf(file)) {
      const imported = findImported(tree, file.path, specifier)
      if (imported !== undefined) waiting.push(imported)
    }
  }
  return reached
}
