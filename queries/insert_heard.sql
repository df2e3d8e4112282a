-- Who was heard in hours that are over.
INSERT INTO heard (hour, system, location, register, minutes, signed_off)
