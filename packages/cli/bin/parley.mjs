#!/usr/bin/env node
/**
 * What `parley` runs. In a clone nothing is built before it is asked for, so this says how rather
 * than that a module was not found.
 */
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('parley is not built yet. Run: npm run build')
  process.exitCode = 2
}
