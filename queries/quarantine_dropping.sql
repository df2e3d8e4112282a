-- Whether entries are being given up, and why that fails.
SELECT count(), max(latest_fail_reason)
FROM system.mutations
WHERE database = currentDatabase() AND table = 'quarantine' AND is_done = 0
