/** The little of `oidc-provider` that the tests use; the package carries no types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  /** An OpenID provider on its in-memory adapter unless told otherwise. */
  export class Provider {
    constructor(issuer: string, configuration: object)
    /** The handler of all its requests. */
    callback(): RequestListener
  }
}
