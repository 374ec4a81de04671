/** What can go wrong, by a name that an app may branch on. */
export type CallingErrorCode =
  /** The person or the browser does not let the page use the device. */
  | 'device-denied'
  /** There is no such device, or another program holds it. */
  | 'device-unavailable'
  /** No answer came, or the connection went away before it. */
  | 'unreachable'
  /** The call, the agent or the ringing is over. */
  | 'ended'
  /** The token or the role does not allow it; `serviceCode` says what the service said. */
  | 'refused'
  /** The app's credential gave no token. */
  | 'no-token'

/** What a promise of this package rejects with. */
export class CallingError extends Error {
  override readonly name = 'CallingError'
  readonly code: CallingErrorCode
  /** The code of the service's refusal, where there is one. */
  readonly serviceCode: string | undefined

  constructor(code: CallingErrorCode, message: string, options: CallingErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.serviceCode = options.serviceCode
  }
}

/** What an error knows besides its code. */
export interface CallingErrorOptions {
  readonly cause?: unknown
  readonly serviceCode?: string
}

/** Words what `getUserMedia` and `getDisplayMedia` reject with. */
export function deviceError(cause: unknown, device: 'microphone' | 'camera'): CallingError {
  const name = cause instanceof DOMException ? cause.name : ''
  const isDenied = name === 'NotAllowedError' || name === 'SecurityError'
  return isDenied
    ? new CallingError('device-denied', `the ${device} may not be used`, { cause })
    : new CallingError('device-unavailable', `the ${device} cannot be used`, { cause })
}
