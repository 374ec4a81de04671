/**
 * Limits of the server: every body, queue, page and wait has one. Those that clients must know as
 * well stand in `@parley/protocol`. The reference page is printed from this table.
 */
export const serverLimits = {
  /** Bytes of a request body, identity operations. */
  bodyBytesMax: 64 * 1024,
  /** Bytes of a request body with up to 1,000 tokens of 8 KiB, to introspect or to revoke. */
  introspectionBodyBytesMax: 9 * 1024 * 1024,
  /** Bytes of request line and headers together; an access token has at most 8 KiB. */
  headerBytesMax: 16 * 1024,
  /** Characters of one decoded segment of a path; an identity has 79. */
  pathSegmentCharactersMax: 256,
  /** Time to receive a whole request, in milliseconds. */
  requestTimeoutMs: 30_000,
  /** Time that an idle connection is kept open, in milliseconds. */
  keepAliveTimeoutMs: 65_000,
  /** Requests worked on in one turn of the event loop. */
  requestsInTurnMax: 64,
  /** Questions in one statement. */
  asksInStatementMax: 512,
  /** Questions that wait for a statement; more are answered 503. */
  asksWaitingMax: 20_000,
  /** Resources whose access keys are tried where neither host nor path says which is meant. */
  candidateResourcesMax: 64,
  /** Characters of `x-ms-client-request-id` that are echoed. */
  clientRequestIdCharactersMax: 128,
  /** Counts of requests that are remembered, for limits of rates. */
  rateCountsMax: 100_000,
  /** Seconds after which a refused caller may come again (`Retry-After`). */
  retryAfterSeconds: 1,
  /** How long a start waits for its first lease, in milliseconds. */
  joinTimeoutMs: 10_000,
  /** How long a request waits for a node that may be behind to catch up, in milliseconds. */
  currentWaitMs: 1000,
  /** Cut-offs on a page of the snapshot that followers read. */
  snapshotPageCutOffsMax: 50_000,
  /** Full pages of snapshots that a node keeps, 1 MB each, for others who read them too. */
  snapshotPagesKeptMax: 64,
  /** How long it keeps one, in milliseconds. */
  snapshotPageKeptMs: 60_000,
  /** Cut-offs that a stream catches up with; who missed more takes a snapshot. */
  resumedCutOffsMax: 2000,
  /** Time between two heartbeats of a stream, in milliseconds. */
  heartbeatIntervalMs: 500,
  /** Longest rest between two times that cut-offs are written to streams, in milliseconds. */
  streamRestMsMax: 100,
  /** Time after which a stream is ended, so that its credential is looked at again, in ms. */
  streamMsMax: 60 * 60 * 1000,
  /** Bytes of a stream that wait for its client; one that lets more wait is cut off. */
  streamBufferBytesMax: 1024 * 1024,
  /** Time that a client may take nothing of a stream, in milliseconds. */
  streamStalledMsMax: 60_000,
  /** Streams of one node. */
  streamsMax: 10_000,
  /** Streams of one resource on one node. */
  streamsOfResourceMax: 2000,
  /** Credentials of verifiers, of one resource. */
  verifierCredentialsMax: 100,
  /** Characters of the name of such a credential. */
  verifierCredentialNameCharactersMax: 64,
  /** Longest life of such a credential that ends by itself, in minutes. */
  verifierCredentialMinutesMax: 366 * 24 * 60,
  /** Verifiers elsewhere that the voidings of one resource wait for. */
  waitedForFollowersMax: 64,
  /** Shortest lease of a follower that is waited for, in milliseconds. */
  followerLeaseMsMin: 1000,
  /** Longest lease of a follower that is waited for, in milliseconds. */
  followerLeaseMsMax: 2000,
  /** Time between two rounds that take out followers which are silent, in milliseconds. */
  followerRoundIntervalMs: 10_000,
  /** Cut-offs read at once when a server starts. */
  cutOffsInPageMax: 50_000,
  /** Characters of an id of a directory: tenant, person, group or application. */
  directoryIdCharactersMax: 256,
  /** Applications in one assignment. */
  clientIdsMax: 64,
  /** Assignments of a resource, of each of their two families. */
  assignmentsMax: 10_000,
  /** Assignments in one page of their list. */
  assignmentsInPage: 100,
  /** Participants of a room, and of one change of its list. */
  roomParticipantsMax: 350,
  /** Rooms in one page of their list. */
  roomsInPage: 100,
  /** Characters of one field of an audit entry; what is longer is cut. */
  auditFieldCharactersMax: 512,
  /** Entries on a page of the audit log. */
  auditPageEntriesMax: 1000,
  /** Tokens on a page of those that are live. */
  liveTokensPageMax: 1000,
  /** The same where the caller does not say (`maxPageSize`). */
  liveTokensPage: 100,
  /** Lines of the ledger looked at for such a page, live or not. */
  ledgerLinesLookedAtMax: 2000,
  /** Characters of the label of a device (`x-parley-device`). */
  deviceCharactersMax: 64,
  /** Targets of one call that revokes. */
  revocationTargetsMax: 1000,
  /** Bytes of a request body that steps down up to 1,000 identities. */
  stepDownBodyBytesMax: 512 * 1024,
  /** Tokens of windows of issue that one transaction denies. */
  tokensDeniedAtOnceMax: 5000,
  /** Time between two rounds of folding records of usage into hours, in milliseconds. */
  usageFoldIntervalMs: 60 * 1000,
  /** Records of usage folded in one statement. */
  usageRecordsFoldedAtOnceMax: 10_000,
  /** Exports of identities under way on one node; more are answered 503. */
  exportsMax: 16,
  /** Rows that an export reads at once. */
  exportPageRows: 200,
  /** Hours of usage on a page. */
  usagePageHoursMax: 10_000,
  /** The same where the caller does not say (`maxPageSize`). */
  usagePageHours: 1000,
  /** Access keys sealed anew in one statement, when the master key is rotated. */
  secretsResealedAtOnceMax: 1000,
  /** Signing keys that are shown after their retirement. */
  retiredKeysListedMax: 100,
  /** Tokens whose verdict is remembered. */
  seenTokensMax: 20_000,
  /** Entries of a page of the control plane where the caller does not say (`$top`). */
  pageEntries: 100,
  /** Entries of a page of the control plane. */
  pageEntriesMax: 1000,
  /** Changes of the control plane that wait for one another; more are answered 503. */
  changesWaitingMax: 1000,
  /** Time between two rounds of what concerns access keys, in milliseconds. */
  keyRoundIntervalMs: 10_000,
  /** Time between two attempts to replace a worker, in milliseconds. */
  workerPauseMs: 1000,
  /** How long a primary waits for a worker to say how it is, in milliseconds. */
  workerLookTimeoutMs: 2000,
  /** Connections that wait for a worker; more are closed. */
  connectionsWaitingMax: 1024,
  /** Connections that one worker was handed and has not taken. */
  connectionsUntakenMax: 64,
  /** Time between two canaries, in milliseconds. */
  canaryIntervalMs: 1000,
  /** Time without one that fared well after which a node sends its own, in milliseconds. */
  canaryLateMs: 2500,
  /** The same after which a node is not ready, in milliseconds. */
  canaryAgeMaxMs: 5000,
  /** How long the token of a canary would live, in seconds. */
  canaryLifetimeSeconds: 120,
  /** Canaries of other nodes that a node waits to see revoked. */
  canariesWitnessedMax: 16,
  /** Time between two rounds of house-keeping in the database, in milliseconds. */
  houseKeepingIntervalMs: 10 * 60 * 1000,
  /** Clock difference that the times of a bearer may have, in seconds: `exp`, `nbf`. */
  bearerClockToleranceSeconds: 60,
  /** Bearers whose signature is remembered. */
  bearersRememberedMax: 2000,
  /** Time that a trusted issuer has for a whole answer, in milliseconds. */
  issuerTimeoutMs: 5000,
  /** Bytes of an answer of a trusted issuer. */
  issuerAnswerBytesMax: 256 * 1024,
  /** Keys that a trusted issuer publishes. */
  issuerKeysMax: 100,
  /** Age at which the keys of a trusted issuer are fetched again, in milliseconds. */
  issuerKeysFreshMs: 10 * 60 * 1000,
  /** Age up to which they count while the issuer does not answer, in milliseconds. */
  issuerKeysStaleMs: 24 * 60 * 60 * 1000,
  /** Shortest time from one fetch of them to the next, whatever keys bearers name, in ms. */
  issuerCooldownMs: 10_000,
  /** The same after a fetch that failed, in milliseconds. */
  issuerRetryMs: 2000,
  /** Participants of a chat thread. */
  chatParticipantsMax: 250,
  /** Participants in one call that creates a thread or adds to it. */
  chatParticipantsInCallMax: 200,
  /** Participants of a thread in which typing and reading are told; in larger ones they are not. */
  chatAttentiveParticipantsMax: 20,
  /** Bytes of a chat message, UTF-8. */
  chatMessageBytesMax: 28 * 1024,
  /** Bytes of the metadata of one message, participant or thread: names and values, UTF-8. */
  chatMetadataBytesMax: 1024,
  /** Characters of a topic or a display name. */
  chatNameCharactersMax: 1024,
  /** Bytes of a request body with a message; control characters take six bytes each. */
  chatMessageBodyBytesMax: 192 * 1024,
  /** Bytes of a request body with participants, whose names may be long. */
  chatParticipantsBodyBytesMax: 1024 * 1024,
  /** Entries on a page of chat; who asks for more gets so many. */
  chatPageEntriesMax: 200,
  /** Messages of deleted identities that a page passes over; the next page goes on below them. */
  chatMessagesPassedOverMax: 200,
  /** Days after its creation that a thread may be deleted by its retention policy. */
  chatRetentionDaysMin: 30,
  chatRetentionDaysMax: 90,
  /** Characters of `repeatability-request-id`. */
  repeatabilityIdCharactersMax: 128,
  /** Threads whose participants are remembered, to tell them what happens. */
  chatRostersRememberedMax: 10_000,
  /** Chat messages that one transaction purges. */
  chatMessagesPurgedAtOnceMax: 1000,
  /** Threads that one transaction deletes because they are due. */
  chatThreadsDueAtOnceMax: 50,
  /** Time between two looks for what is left to purge in chat, in milliseconds. */
  chatPurgeIntervalMs: 30_000,
  /** Clients of one node that are told of chat, by WebSocket or long poll. */
  chatSocketsMax: 50_000,
  /** The same of one identity on one node. */
  chatSocketsOfIdentityMax: 32,
  /** Bytes that wait for such a client; one that lets more wait is cut off. */
  chatSocketBufferBytesMax: 1024 * 1024,
  /** Deliveries that wait for such a client's answer. */
  chatUnansweredMax: 2000,
  /** Time that it has for an answer, in milliseconds. */
  chatAnswerWithinMs: 60_000,
  /** Bytes of one frame that it may send. */
  chatFrameBytesMax: 64 * 1024,
  /** Time after which a long poll is answered without frames, in milliseconds. */
  chatPollMs: 25_000,
  /** Time for which the parameters of an allocation open a socket, in milliseconds. */
  chatPassMs: 5 * 60_000,
  /** Seconds for which a client that is away is told later what it missed. */
  chatNoticesKeptSeconds: 300,
  /** Phone numbers of a resource. */
  phoneNumbersMax: 1000,
  /** Phone numbers on a page of their list. */
  phoneNumbersInPage: 100,
  /** Calls to and from phones at a time, of one node: those that come in. */
  phoneLinesMax: 64,
  /** Legs of a call whose media go from peer to peer: each sends once for each other one. */
  meshAudioLegsMax: 6,
  meshVideoLegsMax: 4,
  /** Legs of a call that LiveKit carries. */
  livekitLegsMax: 100,
  /** Legs of a call at a Janus, whatever its media. */
  janusLegsMax: 16,
  /** Identities that one call rings at a time. */
  callCalleesMax: 16,
  /** Time for which a call rings, in milliseconds. */
  callRingMs: 45_000,
  /** Time for which the place of a lost socket is kept, in milliseconds. */
  callResumeMs: 10_000,
  /** Time after which a device that no node speaks for is taken for lost, in seconds. */
  callDeviceSilentSeconds: 20,
  /** Time after which its legs are not counted on; nodes speak for devices each 5 s. */
  callDeviceQuietSeconds: 8,
  /** Seconds for which what a device was told is kept, for its coming back. */
  callFramesKeptSeconds: 60,
  /** How often a client of calls is to send a frame, in milliseconds. */
  callPingMs: 15_000,
  /** Time without one after which its socket is given up, in milliseconds. */
  callSilentMs: 45_000,
  /** Time that a client has for its first frame, in milliseconds. */
  callAuthWithinMs: 10_000,
  /** Bytes of one frame of a client of calls; an SDP with video has some 8 KB. */
  callFrameBytesMax: 64 * 1024,
  /** Frames of one device in ten seconds; a join to five peers takes some 150. */
  callFramesInTenSecondsMax: 400,
  /** Frames of a device that wait for those before them. */
  callFramesWaitingMax: 200,
  /** Bytes that wait for such a client; one that lets more wait is cut off. */
  callSocketBufferBytesMax: 1024 * 1024,
  /** Sockets of calls of one node. */
  callSocketsMax: 50_000,
  /** Devices of one identity. */
  callDevicesOfIdentityMax: 16,
  /** Calls in which one identity is at a time, with all its devices. */
  callLegsOfIdentityMax: 16,
  /** Time after which a leg that goes on is counted, in ms; a round of it comes 10 s later. */
  callCheckpointMs: 50_000,
  /** Time between two comparisons of engines, tokens and rooms with what is stored, in ms. */
  callReconcileMs: 10_000,
  /** Time after its end at which a leg that an engine still has is one that got away, in ms. */
  callStrayAfterMs: 2000,
  /** Relay users that one identity has at a time, those of its legs aside. */
  relayUsersOfIdentityMax: 64,
  /** Time between two comparisons of the relays with who may use them, in milliseconds. */
  relayReconcileMs: 10_000,
  /** Relay users that a round of the recurring work withdraws of each kind. */
  relayUsersAtOnceMax: 500,
  /** Calls on a page of their list. */
  callsInPage: 100,
  /** Rows that a round of the recurring work of calls takes at once. */
  callRowsAtOnceMax: 500,
} as const
