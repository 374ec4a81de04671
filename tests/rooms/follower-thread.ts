/** A thread of its own that follows and judges what it is asked about. */
import { parentPort, workerData } from 'node:worker_threads'
import { fetchJwks, followRevocations } from '@parley/verifier'
import { createVerifier } from '@parley/verifier/node'

/** What the thread is given. */
export interface ThreadData {
  readonly endpoint: string
  readonly issuer: string
  readonly credential: string
}

const { endpoint, issuer, credential } = workerData as ThreadData
const keys = await fetchJwks({ url: `${endpoint}/.well-known/jwks.json` })
if (!keys.ok) throw new Error(keys.fault.kind)
const verifier = createVerifier({ keys: keys.value, issuer })
const how = { maxStalenessMs: 10_000, acknowledge: true }
const following = followRevocations({ verifier, endpoint, credential, ...how })
await following.ready
parentPort?.on('message', (token: string) => {
  const verdict = verifier.verify(token)
  parentPort?.postMessage(verdict.ok ? 'ok' : verdict.reason)
})
parentPort?.postMessage('ready')
