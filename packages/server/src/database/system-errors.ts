/** Says whether `error` is a refusal of the operating system with one of these codes. */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is Error {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
