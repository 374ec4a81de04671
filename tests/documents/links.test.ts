import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { anchorsOf, type Page, readPage, readPages, relativeLinksOf, root } from './markdown.ts'

/** Where a link of a page leads: a path of the repository, and an anchor there or an empty text. */
function destinationOf(page: Page, target: string): readonly [path: string, anchor: string] {
  const [file = '', anchor = ''] = target.split('#')
  const path = file === '' ? page.path : posix.join(posix.dirname(page.path), file)
  return [path, anchor]
}

function isThere(page: Page, target: string): boolean {
  const [path, anchor] = destinationOf(page, target)
  if (path.startsWith('..') || !existsSync(join(root, path))) return false
  return anchor === '' || anchorsOf(readPage(path)).includes(anchor)
}

describe('the pages', () => {
  const pages = readPages()

  for (const page of pages) {
    test(`${page.path} links to what is there`, () => {
      const broken = relativeLinksOf(page)
        .filter(({ target }) => !isThere(page, target))
        .map(({ target, line }) => `${page.path}:${line}: ${target}`)
      assert.deepEqual(broken, [])
    })
  }

  test('of the documentation are all reached from the README', () => {
    const reached = new Set(['README.md'])
    for (const path of reached) {
      if (!path.endsWith('.md')) continue
      const page = readPage(path)
      for (const { target } of relativeLinksOf(page)) reached.add(destinationOf(page, target)[0])
    }
    const lost = pages.map(({ path }) => path).filter((path) => !reached.has(path))
    assert.deepEqual(
      lost.filter((path) => path.startsWith('docs/') || !path.includes('/')),
      [],
    )
  })
})
