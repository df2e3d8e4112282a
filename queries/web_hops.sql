-- How lifecycles that began in the window went through each step: how many
-- succeeded, how many are owed it and not due yet, how long it took. Of one workflow,
-- or of all where none is given.
SELECT
    name,
    countIf(outcome IN ('ok', 'replayed')),
    countIf(outcome NOT IN ('ok', 'replayed') AND limit_ms > 0
        AND started_at + toIntervalMillisecond(limit_ms) > {until:DateTime64(6, 'UTC')}),
    quantileIf(0.5)(lag_ms, outcome IN ('ok', 'replayed')),
    quantileIf(0.99)(lag_ms, outcome IN ('ok', 'replayed')),
    quantileExactIf(0.5)(limit_ms, limit_ms > 0)
FROM
(
    SELECT started_at, steps.name AS names, steps.outcome AS outcomes, steps.lag_ms AS lags, steps.limit_ms AS limits
    FROM lifecycles FINAL
    WHERE deleted = 0
        AND ({workflow:String} = '' OR workflow = {workflow:String})
        AND started_at >= {since:DateTime64(6, 'UTC')} AND started_at < {until:DateTime64(6, 'UTC')}
)
ARRAY JOIN names AS name, outcomes AS outcome, lags AS lag_ms, limits AS limit_ms
GROUP BY name
