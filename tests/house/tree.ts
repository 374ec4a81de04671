import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lex, type Views } from './lexer.ts'

/** A file of the repository; the views of anything but TypeScript and JavaScript are empty. */
export interface HouseFile extends Views {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** The files of the repository by path. */
export type Tree = ReadonlyMap<string, HouseFile>

/** Makes a tree of texts by path. */
export function treeOf(texts: Readonly<Record<string, string>>): Tree {
  return new Map(Object.entries(texts).map(([path, text]) => [path, houseFile(path, text)]))
}

/**
 * Reads the repository. Asks no git, which refuses to look into a folder that another account
 * owns; so a file counts as soon as it is there, committed or not.
 *
 * @param root - the repository's folder.
 */
export function readTree(root: string): Tree {
  const isIgnored = parseIgnored(readFileSync(join(root, '.gitignore'), 'utf8'))
  return new Map(listFiles(root, '', isIgnored).map((path) => [path, readHouseFile(root, path)]))
}

function listFiles(
  root: string,
  folder: string,
  isIgnored: (name: string) => boolean,
): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (isIgnored(entry.name)) return []
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return listFiles(root, path, isIgnored)
    return entry.isFile() ? [path] : []
  })
}

/** Reads a `.gitignore` of names and of `*.<ending>`: more has not been needed. */
function parseIgnored(text: string): (name: string) => boolean {
  const lines = text.split('\n').map((line) => line.replace(/\/$/, ''))
  const names = new Set(['.git', ...lines.filter((line) => !line.startsWith('*'))])
  const endings = lines.filter((line) => line.startsWith('*')).map((line) => line.slice(1))
  return (name) => names.has(name) || endings.some((ending) => name.endsWith(ending))
}

function readHouseFile(root: string, path: string): HouseFile {
  const bytes = readFileSync(join(root, path))
  return houseFile(path, bytes.includes(0) ? '' : bytes.toString('utf8'))
}

function houseFile(path: string, text: string): HouseFile {
  const views = isSource(path) ? lex(text) : { code: '', bare: '', comments: '' }
  return { path, text, ...views }
}

/** Says whether a path is that of code the rules can read. */
export function isSource(path: string): boolean {
  return /\.(?:ts|mjs)$/.test(path)
}

/** Says whether a path is that of a test of any tier. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

/** Lists the code that the packages consist of, without its tests. */
export function packageSources(tree: Tree): readonly HouseFile[] {
  return sources(tree).filter(({ path }) => isInPackage(path) && !isTest(path))
}

/** Says whether a path lies in the `src` of a package. */
export function isInPackage(path: string): boolean {
  return /^packages\/[^/]+\/src\//.test(path)
}

/** Lists all code. */
export function sources(tree: Tree): readonly HouseFile[] {
  return [...tree.values()].filter(({ path }) => isSource(path))
}

/** The line, from 1, in which the character at `offset` stands. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1
  }
  return line
}
