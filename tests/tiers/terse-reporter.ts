/**
 * A reporter for logs: what failed, what was skipped and why, what tests had to say, and the
 * closing lines. A thousand tests that pass print nothing.
 */
import { AssertionError } from 'node:assert'
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

type TestFailure = Extract<TestEvent, { type: 'test:fail' }>['data']
type TestPass = Extract<TestEvent, { type: 'test:pass' }>['data']

/** Turns the events of node:test into text. */
// biome-ignore lint/style/noDefaultExport: node:test takes a reporter by its default export.
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = []
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      names.length = data.nesting
      names.push(data.name)
    }
    if (type === 'test:fail') yield failure(names.slice(0, data.nesting + 1), data)
    if (type === 'test:pass') yield omission(names.slice(0, data.nesting + 1), data)
    if (type === 'test:diagnostic') yield `# ${data.message}\n`
  }
}

function failure(names: readonly string[], test: TestFailure): string {
  const { error } = test.details
  // A parent fails because a child did, and the child has been printed.
  if ('failureType' in error && error.failureType === 'subtestsFailed') return ''
  const place = test.file === undefined ? '' : `${relative('', test.file)}:${test.line}`
  const text = describeError(error.cause ?? error).replaceAll('\n', '\n    ')
  return `\nfailed: ${names.join(' > ')}\n    ${place}\n    ${text}\n\n`
}

/** An assertion says everything in its message; its properties would say it again. */
function describeError(error: unknown): string {
  return error instanceof AssertionError ? (error.stack ?? error.message) : inspect(error)
}

function omission(names: readonly string[], test: TestPass): string {
  const reason = test.skip ?? test.todo
  if (reason === undefined || reason === false) return ''
  return `skipped: ${names.join(' > ')}${typeof reason === 'string' ? ` (${reason})` : ''}\n`
}
