-- Sales by business date and location. Every sale is in one of posted, open,
-- wrong, unknown and not owed.
WITH sumMap(arrayMap(u -> u.1, units), arrayMap(u -> u.2, units)) AS goods
SELECT
    location, any(region), business_date, count(),
    countIf(verdict IN ('complete', 'complete_late')),
    countIf(verdict = 'complete_late'),
    countIf(verdict = 'open'),
    countIf(verdict IN ('conflicted', 'stalled', 'failed', 'overdue')) AS wrong,
    countIf(verdict = 'unconfirmed'),
    countIf(verdict IN ('withdrawn', 'not_expected')),
    goods.1, arrayMap(q -> toString(q), goods.2),
    max(started_at)
FROM lifecycles FINAL
WHERE deleted = 0 AND workflow = 'sale' AND verdict != 'unclassified'
    AND ({location:String} = '' OR location = {location:String} OR trimLeft(location, '0') = trimLeft({location:String}, '0'))
    AND ({region:String} = '' OR region = {region:String})
    AND ({from:String} = '' OR business_date >= {from:String})
    AND ({to:String} = '' OR business_date <= {to:String})
    AND ({after_date:String} = '' AND {after_location:String} = ''
        OR business_date < {after_date:String}
        OR business_date = {after_date:String} AND location > {after_location:String})
GROUP BY business_date, location
HAVING {only_wrong:UInt8} = 0 OR wrong > 0
ORDER BY business_date DESC, location
LIMIT {limit:UInt32}
