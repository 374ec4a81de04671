/**
 * Writes the reference pages: what `npm run docs` runs.
 *
 * The folder is written anew, so that a page which is no longer printed goes away.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { referencePages } from './reference.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const folder = join(root, 'docs', 'reference')

const pages = referencePages((path) => readFileSync(join(root, path), 'utf8'))
rmSync(folder, { recursive: true, force: true })
for (const { path, text } of pages) {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
console.log(`docs/reference: ${pages.length} pages`)
