-- How many different entries a filter asks for of those that have not landed; an
-- empty text asks for nothing.
SELECT uniqExact(id)
FROM quarantine
WHERE reason != 'poison'
    AND (received_at, id) NOT IN (SELECT received_at, id FROM quarantine_landed)
    AND ({id:String} = '' OR id = {id:String})
    AND ({source:String} = '' OR source = {source:String})
    AND ({unnamed:UInt8} = 0 OR source = '')
    AND ({transport:String} = '' OR transport = {transport:String})
    AND ({reason:String} = '' OR reason = {reason:String})
    AND received_at >= {since:DateTime64(6, 'UTC')}
    AND received_at < {until:DateTime64(6, 'UTC')}
