import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The repository's folder. */
export const root = join(import.meta.dirname, '..', '..', '..')

/** One page of documentation. */
export interface Page {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

const skippedFolders = ['node_modules', 'dist', 'coverage']

/** Reads every Markdown file of the repository. */
export function readPages(folder = ''): readonly Page[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.name.startsWith('.') || skippedFolders.includes(entry.name)) return []
    if (entry.isDirectory()) return readPages(path)
    return entry.name.endsWith('.md') ? [readPage(path)] : []
  })
}

/** Reads one page by its path. */
export function readPage(path: string): Page {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

/** A fenced block of code. */
export interface Fence {
  /** What stands behind the opening fence: `js`, `sh`, empty for none. */
  readonly language: string
  readonly code: string
  /** Of the opening fence, from 1. */
  readonly line: number
}

/** Lists the fenced blocks of a page in their order. */
export function fencesOf({ text }: Page): readonly Fence[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((found) => ({
    language: found[1] ?? '',
    code: found[2] ?? '',
    line: lineAt(text, found.index),
  }))
}

/** Where a page points to within the repository. */
export interface Link {
  readonly target: string
  /** From 1. */
  readonly line: number
}

/** Lists the links of a page that name no other site, outside fenced blocks. */
export function relativeLinksOf({ text }: Page): readonly Link[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, (block) => block.replace(/[^\n]/g, ' '))
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)]
    .map((found) => ({ target: found[1] ?? '', line: lineAt(text, found.index) }))
    .filter(({ target }) => !/^[a-z]+:/.test(target))
}

/** Lists what a link may name behind `#`: the headings, as hosting sites write them. */
export function anchorsOf({ text }: Page): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}
