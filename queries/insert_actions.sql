INSERT INTO actions
(
    id, received_at, batch, filter, verb, by, via, about, merged_with, lifecycle_id, finding_id,
    assignee, ticket, resolution, note, records, undoes
)
