-- What comes with the first primitive, and what the corridor still lacked.

-- (corridor: workers, measures, canary)

-- (corridor: step-down)

-- (corridor: followers that are waited for)

-- (usage)

-- (chat: threads, participants, messages, receipts)

-- (chat: realtime)

