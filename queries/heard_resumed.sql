-- The first record of a source that was received from a time on, within a minute.
SELECT record_id, received_at, occurred_at
FROM events
WHERE received_at >= {at:DateTime64(6, 'UTC')} AND received_at < {at:DateTime64(6, 'UTC')} + toIntervalMinute(1)
    AND type NOT IN ('inventory.person.action', 'inventory.feed.watermark', 'inventory.feed.reading')
    AND ({system:String} = '' OR system = {system:String})
    AND ({location:String} = '' OR location = {location:String})
    AND ({register:String} = '' OR register = {register:String})
ORDER BY received_at, record_id
LIMIT 1
