import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRole } from './role.ts'

const read: readonly (readonly [text: string, role: string, place: string])[] = [
  ['owner', 'owner', ''],
  ['Owner', 'owner', ''],
  [' CONTRIBUTOR ', 'contributor', ''],
  ['administrator@/', 'administrator', ''],
  ['reader@/subscriptions/A', 'reader', '/subscriptions/a'],
  ['owner@/subscriptions/a/resourceGroups/B/', 'owner', '/subscriptions/a/resourcegroups/b'],
  ['owner@/a@b', 'owner', '/a@b'],
]

const others = ['', 'admin', 'owner@', 'owner@subscriptions/a', '@/a', 'owner reader', 'Chat.Read']

describe('the text of a role', () => {
  for (const [text, role, place] of read) {
    test(`'${text}' is ${role} at '${place}'`, () => {
      assert.deepEqual(parseRole(text), { role, place })
    })
  }

  for (const text of others) {
    test(`'${text}' is none`, () => {
      assert.equal(parseRole(text), undefined)
    })
  }
})
