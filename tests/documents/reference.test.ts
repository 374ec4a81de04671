import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { referencePages } from '@parley/server/reference'

const root = join(import.meta.dirname, '..', '..', '..')
const folder = join(root, 'docs', 'reference')

function printedPages() {
  return referencePages((path) => readFileSync(join(root, path), 'utf8'))
}

describe('the reference pages', () => {
  const pages = printedPages()

  for (const { path, text } of pages) {
    test(`${path} says what the code says`, () => {
      const committed = readFileSync(join(folder, path), 'utf8')
      assert.ok(committed === text, 'it does not: run `npm run docs` and commit what it writes')
    })
  }

  test('are all there are', () => {
    const committed = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    const printed = pages.map(({ path }) => path)
    assert.deepEqual(committed.sort(), printed.sort(), 'run `npm run docs` and commit the result')
  })

  test('are printed alike each time', () => {
    assert.deepEqual(printedPages(), pages)
  })
})
