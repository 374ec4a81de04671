/**
 * The reference pages, printed from the tables that the server runs by: `docs/reference/`.
 *
 * The pages are committed, and a test prints them once more and compares. So a page never says
 * what the code does not do, and a change of the wire shows in the diff of a pull request.
 */
import { limits } from '@parley/protocol'
import { faultMeanings, refusalMeanings } from './contract/fault-meanings.ts'
import { type Fault, replyToFault } from './contract/faults.ts'
import { serverLimits } from './contract/limits.ts'
import { type OpenApiSpace, printOpenApi } from './contract/openapi.ts'
import { printJson } from './contract/printed-json.ts'
import { apiVersions, type Service } from './contract/versions.ts'
import { publishedRates, type RateLimit } from './foundation/rates.ts'
import { settingRows } from './foundation/settings.ts'
import { describeOperations } from './operations.ts'

/** One generated file. */
export interface ReferencePage {
  /** Relative to `docs/reference/`. */
  readonly path: string
  readonly text: string
}

/**
 * Prints every page, always in the same order.
 *
 * @param readSource - reads a source file of the repository, by its path there: what a limit is
 *   about stands in the comment above it.
 */
export function referencePages(readSource: (path: string) => string): readonly ReferencePage[] {
  return [
    { path: 'settings.md', text: settingsPage() },
    { path: 'errors.md', text: errorsPage() },
    { path: 'limits.md', text: limitsPage(readSource) },
    ...openApiPages(),
  ]
}

function settingsPage(): string {
  return page('Settings', [
    'Environment variables, read once at the start. An empty one counts as absent. A `PARLEY_*`',
    'variable that is not listed here, or a value that cannot be taken, ends the start with a',
    'message that names it.',
    '',
    ...table(
      ['Variable', 'Default', 'Meaning'],
      settingRows.map(({ name, defaultText, meaning }) => [
        code(name),
        defaultText === undefined || defaultText === '' ? '-' : code(defaultText),
        meaning,
      ]),
    ),
  ])
}

function errorsPage(): string {
  const meanings = Object.values(faultMeanings)
  const rows = meanings.map(({ when, example }) => faultRow(example, when))
  return page('Errors', [
    'Every error has the envelope of Azure Communication Services:',
    '',
    '```json',
    printJson({ error: { code: 'ValidationError', message: '...', target: 'Scopes' } }),
    '```',
    '',
    'The kind stands in the log of the server, beside the `x-ms-request-id` of the answer.',
    '',
    ...table(['Status', 'Code', 'Target', 'Message', 'When', 'Kind'], rows.sort(byStatus)),
    '',
    '## Why a caller is refused',
    '',
    'Outside all of these look alike. The log has the reason, and so has the header',
    '`x-parley-reason` where `PARLEY_REFUSAL_REASONS` is `on`.',
    '',
    ...table(
      ['Reason', 'Meaning'],
      Object.entries(refusalMeanings).map(([reason, meaning]) => [code(reason), meaning]),
    ),
  ])
}

type Row = readonly string[]

function faultRow(fault: Fault, when: string): Row {
  const { status, body } = replyToFault(fault)
  const { code: wireCode, message, target } = body.error
  const named = target === undefined ? '-' : code(target)
  return [String(status), code(wireCode), named, message, when, code(fault.kind)]
}

function byStatus(one: Row, other: Row): number {
  return Number(one[0]) - Number(other[0])
}

function limitsPage(readSource: (path: string) => string): string {
  return page('Limits', [
    'Times are in milliseconds where the name ends in `Ms`.',
    '',
    '## On the wire',
    '',
    'Both sides know these; they are exported by `@parley/protocol`.',
    '',
    ...limitTable(limits, readSource('packages/protocol/src/limits.ts')),
    '',
    '## Of the server',
    '',
    ...limitTable(serverLimits, readSource('packages/server/src/contract/limits.ts')),
    '',
    '## Of rates, as published',
    '',
    'What `PARLEY_RATE_LIMITS` means by `published`, and the names that it takes.',
    '',
    ...table(['Name', 'Requests'], Object.entries(publishedRates).map(printRate)),
  ])
}

function printRate([name, limits]: readonly [string, readonly RateLimit[]]): Row {
  const texts = limits.map(({ per, max, seconds }) => `${max} in ${seconds} s for each ${per}`)
  return [code(name), texts.join(', ')]
}

function limitTable(values: Readonly<Record<string, number>>, source: string): readonly string[] {
  const comments = commentsIn(source)
  const rows = Object.entries(values).map(([name, value]) => {
    const comment = comments.get(name)
    if (comment === undefined) throw new Error(`the limit ${name} has no comment`)
    return [code(name), value.toLocaleString('en-US'), comment]
  })
  return table(['Limit', 'Value', 'Meaning'], rows)
}

/** The comment above each member of a table in a formatted source; two may share one. */
function commentsIn(source: string): ReadonlyMap<string, string> {
  const comments = new Map<string, string>()
  for (const [, comment = '', members = ''] of source.matchAll(documentedMembers)) {
    const sentence = comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim()
    for (const [, name = ''] of members.matchAll(/^ {2}(\w+):/gm)) comments.set(name, sentence)
  }
  return comments
}

const documentedMembers = /^ {2}\/\*\*([\s\S]*?)\*\/\n((?: {2}\w+: .*\n)+)/gm

function openApiPages(): readonly ReferencePage[] {
  const operations = describeOperations()
  const services = Object.keys(apiVersions) as Service[]
  const spaces: readonly (readonly [string, OpenApiSpace])[] = [
    ...services.flatMap((service) =>
      apiVersions[service].map(
        (version) => [`${service}/${version}`, { service, version }] as const,
      ),
    ),
    ['parley', 'unversioned'],
  ]
  return spaces.map(([name, space]) => ({
    path: `openapi/${name}.json`,
    text: `${printJson(printOpenApi(operations, space))}\n`,
  }))
}

function page(title: string, lines: readonly string[]): string {
  const note = '<!-- Printed by `npm run docs` from the code. Change that, not this. -->'
  return `# ${title}\n\n${note}\n\n${lines.join('\n')}\n`
}

function table(head: Row, rows: readonly Row[]): readonly string[] {
  const print = (cells: Row) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [print(head), print(head.map(() => '---')), ...rows.map(print)]
}

function code(text: string): string {
  return `\`${text}\``
}
