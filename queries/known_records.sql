SELECT identity_hash FROM events WHERE partition = {partition:UInt16}
