/** Somebody with an identity, as the Calling SDK names them. */
export interface CommunicationUserIdentifier {
  /** Raw id, `8:acs:...`. */
  readonly communicationUserId: string
}

/** Somebody at a phone. */
export interface PhoneNumberIdentifier {
  /** E.164: `+14255550123`. */
  readonly phoneNumber: string
}

/** Whoever can be in a call. */
export type CommunicationIdentifier = CommunicationUserIdentifier | PhoneNumberIdentifier

/** Prints an identifier as the service writes it. */
export function rawIdOf(identifier: CommunicationIdentifier): string {
  return 'phoneNumber' in identifier
    ? `4:${identifier.phoneNumber}`
    : identifier.communicationUserId
}

/** Reads what the service writes. */
export function identifierOf(rawId: string): CommunicationIdentifier {
  return rawId.startsWith('4:') ? { phoneNumber: rawId.slice(2) } : { communicationUserId: rawId }
}
