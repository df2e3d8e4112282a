-- How far each extract of a feed reaches, and when that was said.
SELECT system, location, extract, max(complete_through), argMax(received_at, tuple(complete_through, -toUnixTimestamp64Micro(received_at)))
FROM facts
WHERE received_at >= {since:DateTime64(6, 'UTC')} AND extract != '' AND has({systems:Array(String)}, system)
GROUP BY system, location, extract
ORDER BY system, location, extract
