/**
 * The `parley` command as a process: arguments, environment, files, network and clock come in here.
 */
import { readFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { rootCertificates } from 'node:tls'
import { runCli } from './program.ts'
import type { CliWorld, Received, SentRequest } from './world.ts'

const answerTimeoutMs = 60_000

const world: CliWorld = {
  env: process.env,
  readFile(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },
  async readInput() {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('utf8')
  },
  print: (text) => void process.stdout.write(text),
  printError: (text) => void process.stderr.write(text),
  isWatched: process.stderr.isTTY === true,
  send,
  now: Date.now,
  async startServer(variables) {
    Object.assign(process.env, variables)
    await import('@parley/server/main')
  },
}

function send({ method, url, headers, body, caFile }: SentRequest): Promise<Received> {
  const isTls = url.protocol === 'https:'
  const request = isTls ? requestTls : requestPlain
  // Node reads NODE_EXTRA_CA_CERTS when it starts, and the file is known only afterwards.
  const trust = isTls && caFile ? { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] } : {}
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  const options = { method, headers: { ...headers, ...length }, timeout: answerTimeoutMs, ...trust }
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${answerTimeoutMs / 1000} s`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

// A reader that has seen enough (`parley who | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runCli(process.argv.slice(2), world)
