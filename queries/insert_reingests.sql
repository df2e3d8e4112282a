INSERT INTO reingests
(
    id, received_at, by, via, filter, entries, landed, events, ended, ended_at, error
)
