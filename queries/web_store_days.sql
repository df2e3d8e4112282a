-- Sales by business date and location. Every sale is in one of posted, open,
-- wrong, unknown and not owed. Where a store's day is posted as a whole, a sale that
-- came as far as it goes by itself stands where its day does: posted once that comes
-- out even, unknown where it does not, because no receipt is named.
WITH sumMap(arrayMap(u -> u.1, units), arrayMap(u -> u.2, units)) AS goods
SELECT
    location, any(region), business_date, count(),
    countIf(stands IN ('complete', 'complete_late')),
    countIf(stands = 'complete_late'),
    countIf(stands = 'open'),
    countIf(stands IN ('conflicted', 'stalled', 'failed', 'overdue')) AS wrong,
    countIf(stands = 'unconfirmed'),
    countIf(stands IN ('withdrawn', 'not_expected')),
    goods.1, arrayMap(q -> toString(q), goods.2),
    max(started_at),
    any(day), any(day_verdict), any(day_sentence)
FROM
(
    SELECT
        location, region, business_date, units, started_at, day, day_verdict, day_sentence,
        multiIf(
            posting != 'store_day' OR posted_at > toDateTime64(0, 6, 'UTC') OR verdict NOT IN ('complete', 'complete_late'), toString(verdict),
            day_verdict = 'complete', toString(verdict),
            day_verdict = 'overdue', 'overdue',
            day_verdict IN ('', 'open'), 'open',
            'unconfirmed') AS stands
    FROM
    (
        SELECT location, region, business_date, units, started_at, posting, posted_at, verdict
        FROM lifecycles FINAL
        WHERE deleted = 0 AND workflow = 'sale' AND verdict != 'unclassified'
            AND ({location:String} = '' OR location = {location:String} OR trimLeft(location, '0') = trimLeft({location:String}, '0'))
            AND ({region:String} = '' OR region = {region:String})
            AND ({from:String} = '' OR business_date >= {from:String})
            AND ({to:String} = '' OR business_date <= {to:String})
            AND ({after_date:String} = '' AND {after_location:String} = ''
                OR business_date < {after_date:String}
                OR business_date = {after_date:String} AND location > {after_location:String})
    ) AS sales
    LEFT JOIN
    (
        SELECT trimLeft(location, '0') AS place, business_date AS date, id AS day, toString(verdict) AS day_verdict, sentence AS day_sentence
        FROM lifecycles FINAL
        WHERE deleted = 0 AND workflow = 'posting_day'
            AND ({from:String} = '' OR business_date >= {from:String})
            AND ({to:String} = '' OR business_date <= {to:String})
        LIMIT 1 BY place, date
    ) AS days
    ON trimLeft(sales.location, '0') = days.place AND sales.business_date = days.date
)
GROUP BY business_date, location
HAVING {only_wrong:UInt8} = 0 OR wrong > 0 OR any(day_verdict) IN ('conflicted', 'overdue')
ORDER BY business_date DESC, location
LIMIT {limit:UInt32}
