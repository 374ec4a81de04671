/** Names of the limits that both sides of the wire must agree on. */
export type LimitName =
  | 'lifetimeMinutesMin'
  | 'lifetimeMinutesMax'
  | 'tokenCharactersMax'
  | 'customIdCharactersMin'
  | 'customIdCharactersMax'
  | 'signedDateSkewMsMax'
  | 'introspectedTokensMax'
  | 'clockToleranceSecondsMax'

/**
 * Limits that both sides of the wire must agree on. The server's own limits (body sizes, queue
 * lengths) stand in its `contract/limits.ts`.
 */
export const limits: Readonly<Record<LimitName, number>> = {
  /** Shortest lifetime of an access token, in minutes. ACS Identity 2022-10-01. */
  lifetimeMinutesMin: 60,
  /** Longest lifetime of an access token, in minutes; also the default. ACS Identity 2022-10-01. */
  lifetimeMinutesMax: 1440,
  /** Longest access token that is looked at, in characters of its compact form. */
  tokenCharactersMax: 8192,
  /** Length of a `customId`, in characters. ACS Identity 2025-03-02-preview. */
  customIdCharactersMin: 1,
  customIdCharactersMax: 256,
  /** How far a signed request's date may lie from the server's clock, milliseconds, both ways. */
  signedDateSkewMsMax: 5 * 60 * 1000,
  /** Tokens in one introspection request. */
  introspectedTokensMax: 1000,
  /** How long after its expiry a verifier may still take a token for its clock's sake, seconds. */
  clockToleranceSecondsMax: 300,
}
