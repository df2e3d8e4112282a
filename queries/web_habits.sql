-- In how many minutes of the newest hour that is kept each source was heard, and
-- in how many of the same hour of the four weeks before; and which of those hours
-- are kept at all.
WITH assumeNotNull((SELECT max(hour) FROM heard WHERE system = '')) AS newest
SELECT
    system, location, register, newest,
    toUInt8(sumIf(bitCount(minutes), hour = newest)),
    groupArray(toUInt8(intDiv(dateDiff('hour', hour, newest), 168))), -- weeks ago
    groupArray(toUInt64(bitCount(minutes)))
FROM heard FINAL
WHERE hour <= newest AND hour >= newest - toIntervalHour(672) AND dateDiff('hour', hour, newest) % 168 = 0
GROUP BY system, location, register
ORDER BY system, location, register
