-- Values that findings have, for filters to offer.
SELECT
    arraySort(groupUniqArrayIf(toString(system), system != '')),
    arraySort(groupUniqArrayIf(toString(owner), owner != '')),
    arraySort(groupUniqArrayIf(toString(cause), cause != '')),
    arraySort(groupUniqArrayIf(toString(kind), kind != ''))
FROM findings
WHERE deleted = 0 AND resolution != 'disproved'
