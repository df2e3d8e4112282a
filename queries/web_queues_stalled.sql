-- The queues that stand, by the name their finding gives them, and since when.
SELECT group_detail, min(first_occurred_at)
FROM findings FINAL
WHERE deleted = 0 AND state = 'open' AND lifecycle_id = '' AND kind IN ('stalled', 'stalled_replay')
GROUP BY group_detail
