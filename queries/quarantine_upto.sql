-- What is as old as an entry, and older.
SELECT count(), sum(size) FROM quarantine
WHERE (received_at, id) <= ({at:DateTime64(6, 'UTC')}, {id:String})
