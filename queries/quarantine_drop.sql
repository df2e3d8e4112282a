-- What has landed is given up, and entries up to this one, the oldest first. Their
-- parts are written anew in the background, which gives the disk back what they
-- took.
ALTER TABLE quarantine
DELETE WHERE (received_at, id) <= ({at:DateTime64(6, 'UTC')}, {id:String})
    OR (received_at, id) IN (SELECT received_at, id FROM quarantine_landed)
SETTINGS mutations_sync = 0
