#!/usr/bin/env node
/**
 * Verifies the audit log of a running server:
 * `npm run verify-audit -- [--expect <seq>:<hash>]`, the head being one printed earlier.
 *
 * The server is the one that `parley.env` names, in the environment or in the data directory. Ends
 * with 0 when the chain is whole, with 1 when it is not, with 2 when that could not be found out.
 */
import { readFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { parseArgs } from 'node:util'
import { parseEnvironmentFile } from './admin/environment-file.ts'
import { auditEntriesPath } from './audit/operations.ts'
import {
  type AuditLogBroken,
  type ChainHead,
  parseChainHead,
  verifyAuditLog,
} from './audit/verification.ts'

const exitBroken = 1
const exitUnknown = 2
const answerTimeoutMs = 30_000

async function main(): Promise<void> {
  const expected = expectedHead()
  const variables = { ...fileVariables(), ...process.env }
  const { PARLEY_ADMIN_ENDPOINT: endpoint, PARLEY_ADMIN_TOKEN: token } = variables
  if (!endpoint || !token) {
    throw new Error('PARLEY_ADMIN_ENDPOINT and PARLEY_ADMIN_TOKEN must be set: see parley.env')
  }
  const caFile = variables['NODE_EXTRA_CA_CERTS']
  const ca = caFile ? [...rootCertificates, readFileSync(caFile, 'utf8')] : undefined
  const verified = await verifyAuditLog({
    url: new URL(auditEntriesPath, endpoint).href,
    readPage: (url) => readJson(url, { token, ca }),
    expected,
  })
  if (verified.ok) {
    const { seq, hash } = verified.value
    console.log(`The audit log is whole: ${seq} entries, head ${seq}:${hash}`)
    return
  }
  const { fault } = verified
  if (fault.kind === 'page-malformed') throw new Error('the answer is no page of an audit log')
  console.error(`The audit log is broken: ${describeBreak(fault)}`)
  process.exitCode = exitBroken
}

function expectedHead(): ChainHead | undefined {
  const { values } = parseArgs({ options: { expect: { type: 'string' } } })
  if (values.expect === undefined) return undefined
  const head = parseChainHead(values.expect)
  if (head === undefined) throw new Error('--expect takes <seq>:<hash>, as this command prints it')
  return head
}

/** Variables of the environment go before those of the file. */
function fileVariables(): Readonly<Record<string, string>> {
  const file = join(process.env['PARLEY_DATA_DIR'] || '.parley', 'parley.env')
  try {
    return parseEnvironmentFile(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

function readJson(
  url: string,
  how: { readonly token: string; readonly ca: readonly string[] | undefined },
): Promise<unknown> {
  const isTls = url.startsWith('https:')
  const request = isTls ? requestTls : requestPlain
  const ca = how.ca === undefined ? {} : { ca: [...how.ca] }
  const headers = { authorization: `Bearer ${how.token}` }
  const signal = AbortSignal.timeout(answerTimeoutMs)
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...ca, headers, signal }, (response) => {
      const { statusCode } = response
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (statusCode !== 200) return reject(new Error(`the server answered ${statusCode}`))
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')))
        } catch (error) {
          reject(error)
        }
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

function describeBreak(fault: AuditLogBroken): string {
  switch (fault.kind) {
    case 'chain-broken':
      return `entry ${fault.seq} does not follow from the one before it (${fault.why}).`
    case 'head-differs':
      return `entry ${fault.seq} is not the one that was expected.`
    case 'end-cut-off':
      return `entry ${fault.seq} and what came after it, up to the expected head, are missing.`
  }
}

try {
  await main()
} catch (error) {
  console.error(`The audit log was not verified: ${(error as Error).message}`)
  process.exitCode = exitUnknown
}
