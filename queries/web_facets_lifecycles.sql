-- Values that lifecycles have, for filters to offer. Old versions are counted
-- in: an offer too many does no harm.
SELECT
    arraySort(groupUniqArrayIf(toString(workflow), workflow != '')),
    arraySort(groupUniqArrayIf(toString(region), region != ''))
FROM lifecycles
WHERE deleted = 0
