import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as bans from './house/bans.ts'
import * as budgets from './house/budgets.ts'
import * as dependencies from './house/dependencies.ts'
import * as documentation from './house/documentation.ts'
import * as reach from './house/reach.ts'
import * as rooms from './house/rooms.ts'
import { printOffence, type Rule } from './house/rule.ts'
import { readTree, treeOf } from './house/tree.ts'
import * as walls from './house/walls.ts'

const rules: readonly Rule[] = [
  rooms,
  walls,
  budgets,
  documentation,
  bans,
  reach,
  dependencies,
].flatMap((chapter) => Object.values(chapter))

const tree = readTree(join(import.meta.dirname, '..', '..'))

describe('the house', () => {
  for (const rule of rules) {
    test(rule.says, () => {
      const offences = rule.check(tree).map(printOffence)
      assert.ok(offences.length === 0, `\n${offences.join('\n')}`)
    })
  }
})

describe('a rule of the house sees what breaks it', () => {
  for (const rule of rules) {
    test(rule.says, () => {
      assert.deepEqual(rule.check(treeOf(rule.example.files)).map(printOffence), [
        ...rule.example.offences,
      ])
    })
  }
})
