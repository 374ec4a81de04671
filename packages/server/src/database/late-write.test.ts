import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isLateWrite } from './late-write.ts'

describe('an error that nobody caught', () => {
  const thrownBy = (name: string, message: string, file: string) => {
    const error = new TypeError(message)
    error.stack = `TypeError: ${message}\n    at Immediate.${name} (${file}:255:22)\n    at x`
    return error
  }
  const message = "Cannot read properties of null (reading 'write')"
  const driver = 'file:///app/node_modules/postgres/src/connection.js'
  const errors = [
    ["is the driver's late write", thrownBy('nextWrite', message, driver), true],
    ['is a bug in another file', thrownBy('nextWrite', message, 'file:///app/dist/a.js'), false],
    ['is a bug in another function', thrownBy('data', message, driver), false],
    ['is a bug of another kind', thrownBy('nextWrite', 'x is not a function', driver), false],
    ['is a bug that is no TypeError', new Error(message), false],
    ['is no error at all', 'text', false],
  ] as const
  for (const [what, error, expected] of errors) {
    test(what, () => {
      assert.equal(isLateWrite(error), expected)
    })
  }
})
