/** Credentials of verifiers, as the owner of a resource makes them. */
import assert from 'node:assert/strict'
import type { Tenant } from './world.ts'

/** A credential as it is shown once. */
export interface MadeCredential {
  readonly id: string
  readonly secret: string
  readonly name: string
}

/** Makes a credential of a verifier. */
export async function makeCredential(
  tenant: Pick<Tenant, 'call'>,
  body: object = {},
): Promise<MadeCredential> {
  const path = '/parley/verifierCredentials'
  const { status, text } = await tenant.call({ method: 'POST', path, body })
  assert.equal(status, 201, text)
  return JSON.parse(text)
}
