-- Entries up to this one, the oldest first, are given up. Their parts are written
-- anew in the background, which gives the disk back what they took.
ALTER TABLE quarantine
DELETE WHERE (received_at, id) <= ({at:DateTime64(6, 'UTC')}, {id:String})
SETTINGS mutations_sync = 0
