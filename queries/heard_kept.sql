-- What is kept of who was heard in the hours since.
SELECT hour, system, location, register, minutes, signed_off
FROM heard FINAL
WHERE hour >= {since:DateTime64(6, 'UTC')}
ORDER BY hour, system, location, register
