import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

/** Everything that a module of this package imports, directly or through others. */
function importsOf(name: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  if (!name.startsWith('./')) return found
  const source = readFileSync(new URL(name, import.meta.url), 'utf8')
  const clauses = /^(?:import|export) (?:[^;'"]* from )?'([^']+)'/gm
  for (const [, specifier = ''] of source.matchAll(clauses)) importsOf(specifier, found)
  assert.doesNotMatch(source, /\bimport\(|\brequire\(/)
  return found
}

const foreign = (entry: string) => [...importsOf(entry)].filter((name) => !name.startsWith('./'))

test('the universal entry takes nothing but the protocol', () => {
  assert.deepEqual(foreign('./index.js'), ['@parley/protocol'])
  assert.equal(importsOf('./index.js').has('./node.js'), false)
})

test('the Node entry takes the protocol and node:crypto, and no WebCrypto', () => {
  assert.deepEqual(foreign('./node.js').sort(), ['@parley/protocol', 'node:crypto'])
  assert.equal(importsOf('./node.js').has('./verifier.js'), false)
})

test('the way of fetching for Node takes node:http and node:https', () => {
  assert.deepEqual(foreign('./node-fetch.js').sort(), ['node:http', 'node:https'])
})
